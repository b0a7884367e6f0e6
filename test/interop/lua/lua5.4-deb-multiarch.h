// Debian's luaconf.h includes this for the paths of Lua's C modules, of which there are none here.
#define DEB_HOST_MULTIARCH ""
