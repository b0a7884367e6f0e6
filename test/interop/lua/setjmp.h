// wasi-libc has no setjmp, for which Lua's ldo.c looks here. Lua's errors are the host's exceptions instead: `lua_try` calls
// `f` through the module's table and catches what `lua_throw` throws, which unwinds every frame between.
struct lua_State;

__attribute__((import_module("host"), import_name("lua_try"))) void lua_try(
    void (*f)(struct lua_State *, void *), struct lua_State *L, void *ud);
__attribute__((import_module("host"), import_name("lua_throw"), noreturn)) void lua_throw(void);

// `f` and `ud` are parameters of the only function that tries, luaD_rawrunprotected.
#define LUAI_TRY(L, c, a) lua_try(f, L, ud)
#define LUAI_THROW(L, c) lua_throw()
#define luai_jmpbuf int
