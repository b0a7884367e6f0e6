// What SQLITE_OS_OTHER asks for: a place without files, without entropy and without time, so that every run is the same.
// Databases are in SQLite's own memory.
#include <string.h>

#include "sqlite3.h"

static int open_none(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out) {
  (void)vfs, (void)name, (void)flags, (void)out;
  file->pMethods = 0;
  return SQLITE_CANTOPEN;
}

static int delete_none(sqlite3_vfs *vfs, const char *name, int sync) {
  (void)vfs, (void)name, (void)sync;
  return SQLITE_OK;
}

static int access_none(sqlite3_vfs *vfs, const char *name, int flags, int *out) {
  (void)vfs, (void)name, (void)flags;
  *out = 0;
  return SQLITE_OK;
}

static int full_path(sqlite3_vfs *vfs, const char *name, int size, char *out) {
  (void)vfs;
  return *sqlite3_snprintf(size, out, "%s", name) ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int randomness(sqlite3_vfs *vfs, int size, char *out) {
  (void)vfs;
  memset(out, 7, size);
  return size;
}

static int sleep_none(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return microseconds;
}

static int the_time(sqlite3_vfs *vfs, double *julian_day) {
  (void)vfs;
  *julian_day = 2460000.5;
  return SQLITE_OK;
}

int sqlite3_os_init(void) {
  static sqlite3_vfs vfs = {
    .iVersion = 1,
    .szOsFile = sizeof(sqlite3_file),
    .mxPathname = 64,
    .zName = "nowhere",
    .xOpen = open_none,
    .xDelete = delete_none,
    .xAccess = access_none,
    .xFullPathname = full_path,
    .xRandomness = randomness,
    .xSleep = sleep_none,
    .xCurrentTime = the_time,
  };
  return sqlite3_vfs_register(&vfs, 1);
}

int sqlite3_os_end(void) {
  return SQLITE_OK;
}
