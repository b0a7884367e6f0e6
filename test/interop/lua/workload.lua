-- Programs that allocate as Lua programs do, each with a checksum of what it computed.

local seed = 1
local function random(n)
  seed = (seed * 1103515245 + 12345) % 2147483648
  return seed // 65536 % n + 1
end

-- Adler-like, over a string or a whole number.
local sum = 1
local function add(value)
  value = tostring(value)
  for i = 1, #value do
    sum = (sum * 31 + value:byte(i)) % 4294967291
  end
end

local work = {}

-- Small tables of two fields that die in generations.
function work.trees()
  local function grow(depth)
    if depth == 0 then return {} end
    return { grow(depth - 1), grow(depth - 1) }
  end
  local function count(tree)
    if not tree[1] then return 1 end
    return 1 + count(tree[1]) + count(tree[2])
  end
  local kept = grow(11)
  for depth = 3, 11, 2 do
    local nodes = 0
    for _ = 1, 1 << (11 - depth + 2) do nodes = nodes + count(grow(depth)) end
    add(nodes)
  end
  add(count(kept))
end

-- Strings of all lengths: joined, cut, replaced, interned.
function work.strings()
  local words, seen = {}, {}
  for i = 1, 8000 do
    local letters = {}
    for j = 1, random(12) do letters[j] = string.char(96 + random(26)) end
    words[i] = table.concat(letters)
    seen[words[i]] = (seen[words[i]] or 0) + 1
  end
  local text = table.concat(words, " ")
  add(#text)
  local longest = ""
  for word in text:gmatch("%a+") do
    if #word > #longest or #word == #longest and word < longest then longest = word end
  end
  add(longest)
  add((text:gsub("(%a+) (%a+)", "%2-%1")))
  add(text:upper():reverse():sub(-100))
  local line = ""
  for i = 1, 3000 do line = line .. i .. "," end
  add(line)
  local distinct = {}
  for word, times in pairs(seen) do distinct[#distinct + 1] = ("%s:%d"):format(word, times) end
  table.sort(distinct)
  add(#distinct)
  add(table.concat(distinct, ";", 1, 1000))
end

-- Objects with methods in tables that grow, shrink and are rehashed.
function work.objects()
  local Account = {}
  Account.__index = Account
  function Account.new(id) return setmetatable({ id = id, balance = 0, history = {} }, Account) end
  function Account:pay(amount)
    self.balance = self.balance + amount
    self.history[#self.history + 1] = { amount = amount, balance = self.balance }
    if #self.history > 20 then self.history = {} end
  end
  local accounts, byName = {}, {}
  for i = 1, 4000 do
    accounts[i] = Account.new(i)
    byName["account " .. i] = accounts[i]
  end
  for _ = 1, 60000 do accounts[random(#accounts)]:pay(random(100)) end
  for i = 1, 4000, 3 do byName["account " .. i] = nil end
  local total = 0
  for _, account in pairs(byName) do total = total + account.balance + #account.history end
  add(total)
  local queue, first = {}, 1
  for i = 1, 60000 do
    queue[#queue + 1] = i * 1.5
    if i % 3 == 0 then
      first = first + 1
      if first > 1000 then queue, first = table.move(queue, first, #queue, 1, {}), 1 end
    end
  end
  add(#queue)
end

-- Text to values and back.
function work.json()
  local function write(value)
    if type(value) == "table" then
      local parts = {}
      if #value > 0 then
        for i, item in ipairs(value) do parts[i] = write(item) end
        return "[" .. table.concat(parts, ",") .. "]"
      end
      local keys = {}
      for key in pairs(value) do keys[#keys + 1] = key end
      table.sort(keys)
      for i, key in ipairs(keys) do parts[i] = ("%q:%s"):format(key, write(value[key])) end
      return "{" .. table.concat(parts, ",") .. "}"
    end
    return type(value) == "string" and ("%q"):format(value) or tostring(value)
  end
  local function parse(text)
    local at = 1
    local value
    local function fail(wanted) error({ at = at, wanted = wanted }) end
    local function skip(mark)
      if text:sub(at, at) ~= mark then fail(mark) end
      at = at + 1
    end
    local function list(open, close, item)
      skip(open)
      while text:sub(at, at) ~= close do
        item()
        if text:sub(at, at) == "," then at = at + 1 end
      end
      skip(close)
    end
    function value()
      local mark = text:sub(at, at)
      if mark == "{" then
        local object = {}
        list("{", "}", function()
          local key = value()
          skip(":")
          object[key] = value()
        end)
        return object
      elseif mark == "[" then
        local array = {}
        list("[", "]", function() array[#array + 1] = value() end)
        return array
      elseif mark == '"' then
        local from, to = text:find('^"[^"]*"', at)
        if not from then fail('"') end
        at = to + 1
        return text:sub(from + 1, to - 1)
      end
      local from, to = text:find("^-?%d+%.?%d*", at)
      if not from then fail("a value") end
      at = to + 1
      return tonumber(text:sub(from, to))
    end
    return value()
  end
  local rows = {}
  for i = 1, 800 do
    rows[i] = {
      id = i,
      name = "row " .. random(100000),
      tags = { "a" .. random(9), "b" .. random(99), "c" .. random(999) },
      size = { width = random(500), height = random(500) / 4 },
    }
  end
  local text = write(rows)
  for _ = 1, 2 do
    local again = write(parse(text))
    if again ~= text then error("what was parsed is not what was written") end
  end
  add(text)
  -- Errors, with what they leave behind.
  local failures = 0
  for cut = 1, #text, #text // 5 do
    local ok, problem = pcall(parse, text:sub(1, cut))
    if not ok then failures = failures + problem.at end
  end
  add(failures)
end

-- Closures, coroutines and variable arguments.
function work.closures()
  local function compose(...)
    local all = { ... }
    return function(x)
      for i = 1, #all do x = all[i](x) end
      return x
    end
  end
  local total = 0
  for i = 1, 12000 do
    local f = compose(
      function(x) return x + i end,
      function(x) return x * 2 end,
      function(x) return x % 1000003 end
    )
    total = total + f(i)
  end
  add(total)
  local function numbers(n)
    return coroutine.wrap(function()
      for i = 1, n do coroutine.yield(i) end
    end)
  end
  total = 0
  for i = 1, 6000 do
    for n in numbers(i % 8) do total = total + n end
  end
  add(total)
  add(select("#", table.unpack(table.pack(("x"):rep(200):byte(1, -1)))))
end

-- Whole numbers in large arrays: blocks that double.
function work.arrays()
  for round = 1, 4 do
    local prime, primes = {}, 0
    for i = 2, 50000 do prime[i] = true end
    for i = 2, 50000 do
      if prime[i] then
        primes = primes + 1
        for j = i * i, 50000, i do prime[j] = false end
      end
    end
    add(primes)
    local list = {}
    for i = 1, 5000 * round do list[i] = random(32768) end
    table.sort(list)
    add(list[#list // 2])
  end
end

-- What a table does not keep, and what is said when it goes.
function work.weak()
  local cache, finalized = setmetatable({}, { __mode = "v" }), 0
  local mark = { __gc = function() finalized = finalized + 1 end }
  for i = 1, 60000 do
    cache[i % 1000] = { i, ("value %d"):format(i) }
    if i % 10 == 0 then setmetatable({}, mark) end
  end
  collectgarbage()
  add(next(cache) == nil and finalized)
end

for _, mode in ipairs({ "incremental", "generational" }) do
  collectgarbage(mode)
  for _, name in ipairs({ "trees", "strings", "objects", "json", "closures", "arrays", "weak" }) do
    work[name]()
    print(mode, name, sum)
  end
end
print("allocated at the end, KiB", collectgarbage("count") // 1)
