// A shop's database in memory: what its statements answer, row by row, goes into a checksum.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sqlite3.h"

static sqlite3 *db;
static unsigned sum = 1;

static void fail(const char *what) {
  printf("%s: %s\n", what, db ? sqlite3_errmsg(db) : "no database");
  exit(1);
}

static void add(const void *bytes, int size) {
  for (int i = 0; i < size; i++) sum = (sum ^ ((const unsigned char *)bytes)[i]) * 16777619u;
}

/** Runs statements; adds every value they answer to the checksum. Answers the rows. */
static int step(sqlite3_stmt *statement) {
  int code, rows = 0;
  while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
    rows++;
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
      const void *value = sqlite3_column_blob(statement, i);
      add(value, sqlite3_column_bytes(statement, i));
    }
  }
  if (code != SQLITE_DONE) fail(sqlite3_sql(statement));
  sqlite3_reset(statement);
  return rows;
}

static sqlite3_stmt *prepare(const char *sql, const char **rest) {
  sqlite3_stmt *statement;
  if (sqlite3_prepare_v2(db, sql, -1, &statement, rest)) fail(sql);
  return statement;
}

static void run(const char *title, const char *sql) {
  int rows = 0;
  while (*sql) {
    sqlite3_stmt *statement = prepare(sql, &sql);
    if (statement) rows += step(statement);
    sqlite3_finalize(statement);
  }
  printf("%-36s %6d rows %08x\n", title, rows, sum);
}

static unsigned seed = 1;
static unsigned random_below(unsigned n) {
  seed = seed * 1103515245u + 12345u;
  return (seed >> 16) % n;
}

/** Words of different lengths, up to `size` bytes. */
static int text(char *out, int size) {
  int length = 1 + (int)random_below(size);
  for (int i = 0; i < length; i++) out[i] = random_below(6) ? 'a' + random_below(26) : ' ';
  return length;
}

enum { CUSTOMERS = 4000, ORDERS = 24000, STATEMENTS = 60 };

static void fill(void) {
  sqlite3_stmt *customer = prepare("INSERT INTO customer VALUES (?, ?, ?, ?)", 0);
  sqlite3_stmt *order = prepare("INSERT INTO purchase VALUES (?, ?, ?, ?, ?)", 0);
  static char words[4000];
  run("begin", "BEGIN");
  for (int i = 1; i <= CUSTOMERS; i++) {
    sqlite3_bind_int(customer, 1, i);
    sqlite3_bind_text(customer, 2, words, text(words, 40), SQLITE_TRANSIENT);
    sqlite3_bind_text(customer, 3, words, text(words, 16), SQLITE_TRANSIENT);
    sqlite3_bind_blob(customer, 4, words, text(words, i % 50 ? 200 : 4000), SQLITE_TRANSIENT);
    step(customer);
  }
  for (int i = 1; i <= ORDERS; i++) {
    sqlite3_bind_int(order, 1, i);
    sqlite3_bind_int(order, 2, 1 + random_below(CUSTOMERS));
    sqlite3_bind_int(order, 3, random_below(500));
    sqlite3_bind_double(order, 4, random_below(100000) / 100.0);
    sqlite3_bind_text(order, 5, words, text(words, 60), SQLITE_TRANSIENT);
    step(order);
  }
  run("commit", "COMMIT");
  sqlite3_finalize(customer);
  sqlite3_finalize(order);
}

/** Many statements that stay prepared, as in a server, used in turn. */
static void serve(void) {
  static sqlite3_stmt *kept[STATEMENTS];
  for (int i = 0; i < STATEMENTS; i++) {
    char *sql = sqlite3_mprintf(
        "SELECT c.name, count(*), sum(p.price) + %d FROM purchase p JOIN customer c ON c.id = p.customer "
        "WHERE p.customer = ? AND p.price > ?", i);
    kept[i] = prepare(sql, 0);
    sqlite3_free(sql);
  }
  int rows = 0;
  for (int i = 0; i < 6000; i++) {
    sqlite3_stmt *statement = kept[random_below(STATEMENTS)];
    sqlite3_bind_int(statement, 1, 1 + random_below(CUSTOMERS));
    sqlite3_bind_double(statement, 2, random_below(500));
    rows += step(statement);
    // And those that are made for one use.
    if (i % 4 == 0) {
      char *sql = sqlite3_mprintf("SELECT note FROM purchase WHERE id = %d OR id = %d",
                                  random_below(ORDERS), random_below(ORDERS));
      sqlite3_stmt *once = prepare(sql, 0);
      rows += step(once);
      sqlite3_finalize(once);
      sqlite3_free(sql);
    }
  }
  for (int i = 0; i < STATEMENTS; i++) sqlite3_finalize(kept[i]);
  printf("%-36s %6d rows %08x\n", "prepared statements", rows, sum);
}

int workload(void) {
  if (sqlite3_open(":memory:", &db)) fail("open");
  run("schema",
      "PRAGMA cache_size = -65536;"
      "CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT, city TEXT, photo BLOB);"
      "CREATE TABLE purchase (id INTEGER PRIMARY KEY, customer INTEGER REFERENCES customer, item INTEGER, price REAL, note TEXT);"
      "CREATE INDEX customer_city ON customer (city);"
      "CREATE INDEX purchase_customer ON purchase (customer, price);"
      "CREATE INDEX purchase_note ON purchase (note);");
  fill();
  serve();
  run("join, group by",
      "SELECT c.city, count(*), sum(p.price) AS total, max(p.note) FROM purchase p"
      "  JOIN customer c ON c.id = p.customer GROUP BY c.city ORDER BY total DESC LIMIT 500");
  run("group_concat, distinct",
      "SELECT item, group_concat(note, '/'), count(DISTINCT customer) FROM purchase GROUP BY item");
  run("window",
      "SELECT customer, sum(price) OVER (PARTITION BY customer ORDER BY id) FROM purchase WHERE item < 100");
  run("recursive",
      "WITH RECURSIVE n(i, s) AS (SELECT 1, 'x' UNION ALL SELECT i + 1, substr(s || i, 1, 300) FROM n WHERE i < 8000)"
      "  SELECT sum(length(s)), max(s) FROM n");
  run("text functions",
      "SELECT upper(replace(note, ' ', '')), hex(substr(note, 1, 8)), printf('%.3f', price) FROM purchase"
      "  WHERE note LIKE '%ab%' OR instr(note, 'zz')");
  run("json",
      "SELECT json_extract(json_group_array(json_object('item', item, 'note', note)), '$[17].note') FROM purchase"
      "  GROUP BY customer % 200");
  run("update",
      "UPDATE purchase SET price = price * 1.1, note = note || ' paid' WHERE item % 3 = 0;"
      "UPDATE customer SET photo = zeroblob(300) || photo WHERE id % 7 = 0");
  run("rolled back", "BEGIN; DELETE FROM purchase WHERE item > 100; SELECT count(*) FROM purchase; ROLLBACK");
  run("delete",
      "DELETE FROM purchase WHERE customer % 4 = 1; DELETE FROM customer WHERE id % 4 = 1; SELECT total_changes()");
  run("vacuum", "VACUUM");
  run("text as a table", "CREATE TABLE copy AS SELECT name, group_concat(note) AS notes FROM customer"
                         "  JOIN purchase ON customer.id = customer GROUP BY customer.id;"
                         "SELECT count(*), sum(length(notes)) FROM copy");
  run("all of it", "SELECT * FROM customer ORDER BY name; SELECT * FROM purchase ORDER BY note, id");
  run("integrity", "PRAGMA integrity_check");
  if (sqlite3_close(db)) fail("close");
  return 0;
}
