// Real programs, with inputs that are made here, so that each run does the same and prints the same.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface Program {
  readonly name: string;
  /** Commands that must be there, the first of which is the program. */
  readonly needs: readonly string[];
  readonly command: readonly string[];
}

/** A shell script as a command; `$d` is the folder of the inputs. */
const shell = (folder: string, script: string): readonly string[] => [
  "bash",
  "-c",
  `set -e; d='${folder}'; ${script}`,
];

/** The programs; their inputs are in `folder`. `root` is a git repository with C sources in dist/native. */
export function programs(folder: string, root: string): readonly Program[] {
  const at = (name: string): string => join(folder, name);
  return [
    { name: "bash", needs: ["bash"], command: ["bash", at("words.sh")] },
    {
      name: "python3",
      needs: ["/usr/bin/python3"],
      command: ["/usr/bin/python3", at("objects.py")],
    },
    { name: "perl", needs: ["perl"], command: ["perl", at("words.pl"), at("words.txt")] },
    {
      name: "git log",
      needs: ["git"],
      command: ["git", "-C", root, "log", "-p", "--stat", "-M", "-200"],
    },
    {
      name: "git repack",
      needs: ["git"],
      command: shell(
        folder,
        `rm -rf $d/clone; git clone -q --bare --no-local '${root}' $d/clone
        git -C $d/clone -c pack.threads=2 repack -adfq --depth=50 --window=50
        git -C $d/clone fsck --full; git -C $d/clone rev-list --all | sha1sum; rm -rf $d/clone`,
      ),
    },
    {
      name: "gcc",
      needs: ["gcc"],
      command: ["gcc", "-O2", "-S", `-I${root}/dist/native`, at("twice.c"), "-o", "-"],
    },
    { name: "g++", needs: ["g++"], command: ["g++", "-O2", "-S", at("library.cpp"), "-o", "-"] },
    { name: "clang", needs: ["clang"], command: ["clang", "-O2", "-S", at("clang.c"), "-o", "-"] },
    {
      name: "C++",
      needs: ["g++"],
      command: shell(
        folder,
        `[ -x $d/library ] || g++ -O2 $d/library.cpp -o $d/library; $d/library`,
      ),
    },
    { name: "node", needs: [process.execPath], command: [process.execPath, at("objects.js")] },
    {
      name: "sqlite3",
      needs: ["sqlite3"],
      command: shell(folder, "sqlite3 :memory: < $d/rows.sql"),
    },
    {
      name: "ffmpeg",
      needs: ["ffmpeg"],
      command: [
        ..."ffmpeg -nostdin -v error -f lavfi -i testsrc2=s=640x360:d=4 -threads 2".split(" "),
        ..."-c:v mpeg4 -f framemd5 -".split(" "),
      ],
    },
    {
      name: "redis",
      needs: ["redis-server", "redis-cli"],
      command: shell(
        folder,
        `rm -f $d/redis.sock; redis-server --port 0 --unixsocket $d/redis.sock --save '' --dir $d > /dev/null &
        while [ ! -S $d/redis.sock ]; do sleep 0.05; done
        redis-cli -s $d/redis.sock --pipe < $d/commands.txt | tail -1
        redis-cli -s $d/redis.sock dbsize; redis-cli -s $d/redis.sock hgetall hash:7 | sort | sha1sum
        redis-cli -s $d/redis.sock shutdown; wait`,
      ),
    },
    { name: "xz", needs: ["xz"], command: shell(folder, "xz -6 -c $d/words.txt | sha1sum") },
    {
      name: "jq",
      needs: ["jq"],
      command: shell(
        folder,
        `jq 'group_by(.kind) | map({kind: .[0].kind, n: length, all: map(.name) | join("")}) | map(.all | length)' $d/rows.json`,
      ),
    },
    { name: "make", needs: ["make"], command: ["make", "-s", "-j2", "-f", at("rules.mk"), "all"] },
    { name: "gawk", needs: ["gawk"], command: ["gawk", "-f", at("words.awk"), at("words.txt")] },
    { name: "lua", needs: ["lua5.4"], command: ["lua5.4", at("objects.lua")] },
    {
      name: "vim",
      needs: ["vim"],
      command: shell(
        folder,
        "vim -u NONE -i NONE -n -es -S $d/edit.vim $d/words.txt < /dev/null; sha1sum < $d/edited.txt",
      ),
    },
    {
      name: "sort",
      needs: ["sort"],
      command: shell(folder, "LC_ALL=C sort -S 64M --parallel=2 $d/words.txt | sha1sum"),
    },
  ];
}

/** A generator of numbers that are the same in each run. */
function numbers(): (below: number) => number {
  let state = 12345;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const BASH = `declare -A count
for ((i = 0; i < 30000; i++)); do
  key="k$((i * 7919 % 1009))"
  count[$key]=$((\${count[$key]:-0} + i))
  line="$key \${count[$key]} $line"
  line=\${line:0:400}
done
for key in "\${!count[@]}"; do echo "$key \${count[$key]}"; done | sort | tail -5
echo "$line"
`;

const PYTHON = `import collections, json, re
rows = {str(i): [i, str(i) * 3, {"a": i}] for i in range(40000)}
text = json.dumps(rows)
back = json.loads(text)
print(len(text), len(back), back == rows)
print(collections.Counter(re.findall(r"\\d\\d", text)).most_common(3))
blocks = [bytearray(i % 3000) for i in range(20000)]
del blocks[::2]
blocks += [b"x" * (i % 500) for i in range(50000)]
print(sum(map(len, blocks)))
`;

const PERL = `my (%count, @lines);
while (<>) { push @lines, $_ if $. % 3 == 0; $count{lc $1}++ while /(\\w+)/g; }
my @top = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
print "$_ $count{$_}\\n" for @top[0 .. 9];
my $text = join "", map { s/(\\w)(\\w*)/$2$1/gr } @lines;
print length($text), "\\n";
`;

const LUA = `local rows = {}
for i = 1, 150000 do rows[i] = { id = i, name = "row " .. i, tags = { i % 7, i % 11 } } end
local kinds = {}
for _, row in ipairs(rows) do
  local kind = row.tags[1] * 100 + row.tags[2]
  kinds[kind] = (kinds[kind] or "") .. row.name:sub(-1)
  if #kinds[kind] > 500 then kinds[kind] = nil end
end
local n = 0
for _, text in pairs(kinds) do n = n + #text end
print(n)
`;

const JS = `const rows = new Map();
for (let i = 0; i < 200000; i++) rows.set("k" + i, { i, text: "row " + i, list: [i, i + 1] });
const text = JSON.stringify([...rows.values()]);
console.log(text.length, JSON.parse(text).length);
const buffers = Array.from({ length: 3000 }, (_, i) => Buffer.alloc(1000 + (i % 50) * 1000, i));
console.log(buffers.reduce((sum, each) => sum + each[0], 0));
`;

const CPP = `#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <sstream>
#include <string>
#include <unordered_map>
#include <vector>
struct Node { std::string name; std::vector<std::shared_ptr<Node>> children; };
static int depth(const Node &node) {
  int most = 0;
  for (const auto &child : node.children) most = std::max(most, depth(*child));
  return most + 1;
}
int main() {
  std::map<std::string, std::vector<int>> rows;
  std::unordered_map<int, std::string> names;
  for (int i = 0; i < 200000; i++) {
    rows["key " + std::to_string(i % 5000)].push_back(i);
    names[i % 30000] += static_cast<char>('a' + i % 26);
  }
  std::vector<std::shared_ptr<Node>> nodes{std::make_shared<Node>()};
  for (int i = 1; i < 200000; i++) {
    auto node = std::make_shared<Node>();
    node->name = "node number " + std::to_string(i);
    nodes[static_cast<size_t>(i) * 7919 % nodes.size()]->children.push_back(node);
    nodes.push_back(node);
  }
  std::ostringstream text;
  for (const auto &[key, row] : rows) text << key << '=' << row.size() << ' ';
  const std::regex word("key (\\\\d+)=(\\\\d+)");
  const std::string all = text.str().substr(0, 40000);
  long sum = 0;
  for (std::sregex_iterator i(all.begin(), all.end(), word), end; i != end; ++i) sum += std::stol((*i)[1]) + std::stol((*i)[2]);
  std::cout << depth(*nodes[0]) << ' ' << sum << ' ' << names.size() << '\\n';
}
`;

const VIM = `set nomore
%s/\\(\\w\\+\\) \\(\\w\\+\\)/\\2 \\1/g
g/a.*z/m0
%normal ~~
w! FOLDER/edited.txt
q!
`;

const AWK = `{ for (i = 1; i <= NF; i++) { count[tolower($i)]++; last[$i] = $0 } }
END { for (word in count) if (count[word] > most) { most = count[word]; name = word }; print name, most, length(last) }
`;

/** Writes the inputs. */
export function writeInputs(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, text: string): void => writeFileSync(join(folder, name), text);
  const random = numbers();
  const words = Array.from({ length: 20000 }, () =>
    String.fromCharCode(...Array.from({ length: 3 + random(8) }, () => 97 + random(26))),
  );
  const line = (): string =>
    Array.from({ length: 6 + random(8) }, () => words[Math.min(random(20000), random(20000))]).join(
      " ",
    );
  write("words.txt", `${Array.from({ length: 40000 }, line).join("\n")}\n`);
  write("words.sh", BASH);
  write("words.pl", PERL);
  write("words.awk", AWK);
  write("objects.py", PYTHON);
  write("objects.lua", LUA);
  write("objects.js", JS);
  write("library.cpp", CPP);
  write("twice.c", '#include "libheapwright-malloc.c"\n');
  const functions = Array.from(
    { length: 1500 },
    (_, i) =>
      `int f${i}(int *a, int n) { int s = ${i}; for (int i = 0; i < n; i++) s += a[i] * ${i} ^ (s >> ${1 + (i % 7)}); return s${i === 0 ? "" : ` + f${i - 1}(a, n - 1)`}; }`,
  );
  write("clang.c", `${functions.join("\n")}\n`);
  write("edit.vim", VIM.replace("FOLDER", folder));
  const rows = Array.from({ length: 60000 }, (_, i) => ({
    id: i,
    kind: words[random(300)],
    name: line(),
  }));
  write("rows.json", JSON.stringify(rows));
  write(
    "rows.sql",
    `create table r(id integer primary key, kind text, name text);\nbegin;\n${rows
      .map(({ id, kind, name }) => `insert into r values(${id}, '${kind}', '${name}');`)
      .join("\n")}\ncommit;\ncreate index k on r(kind);
select kind, count(*), max(name) from r group by kind order by 2 desc limit 5;
select count(*) from r a join r b on a.kind = b.kind and a.id < b.id and b.id < a.id + 50;
update r set name = upper(name) where id % 3 = 0; delete from r where id % 5 = 0;
select sum(length(name)) from r;\n`,
  );
  write(
    "commands.txt",
    `${rows
      .flatMap(({ id, name }) => [
        `SET key:${id} "${name}"`,
        `HSET hash:${id % 500} f${id} "${name}"`,
        ...(id % 3 === 0 ? [`DEL key:${id >> 1}`] : []),
      ])
      .join("\r\n")}\r\n`,
  );
  const rules = Array.from(
    { length: 3000 },
    (_, i) => `t${i}: ${i === 0 ? "" : `t${i >> 1}`} ; @:`,
  );
  const variables = Array.from(
    { length: 3000 },
    (_, i) => `V${i} := $(patsubst %,x%,$(wordlist 1,20,${words.slice(i, i + 30).join(" ")}))`,
  );
  write(
    "rules.mk",
    `${variables.join("\n")}\nall: ${rules.map((_, i) => (i % 100 === 0 ? `t${i}` : "")).join(" ")} ; @echo $(words ${variables.map((_, i) => `$(V${i})`).join(" ")})\n${rules.join("\n")}\n`,
  );
}
