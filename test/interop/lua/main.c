// Runs the Lua program that comes on standard input; Lua's libraries without those of the system.
#include <stdio.h>

#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

static const luaL_Reg libraries[] = {
  { LUA_GNAME, luaopen_base },       { LUA_COLIBNAME, luaopen_coroutine },
  { LUA_TABLIBNAME, luaopen_table }, { LUA_STRLIBNAME, luaopen_string },
  { LUA_MATHLIBNAME, luaopen_math }, { LUA_UTF8LIBNAME, luaopen_utf8 },
};

int main(void) {
  static char program[1 << 16];
  size_t bytes = fread(program, 1, sizeof program, stdin);
  lua_State *L = luaL_newstate();
  if (!L) return 2;
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
    luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
    lua_pop(L, 1);
  }
  int failed = luaL_loadbuffer(L, program, bytes, "=workload") || lua_pcall(L, 0, 0, 0);
  if (failed) printf("%s\n", lua_tostring(L, -1));
  lua_close(L);
  return failed;
}
