/**
 * npm run test:native:programs: test suites of other programs with libheapwright-malloc.so preloaded. Their results have to be
 * those without it. What is missing is skipped with a message.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";

import { buildC } from "../../tools/build/c.ts";
import { buildLibraries } from "../../tools/build/native.ts";
import { compiler, inFolder } from "./compiler.ts";

const PYTHON = ["test_list", "test_dict", "test_json", "test_threading"];
const PYTHON_FORK = "test_multiprocessing_fork";

/** A shell script that tests git by git: what goes in comes out, and fsck finds no mistake. */
const GIT = `set -e
git init -q a; cd a
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_AUTHOR_DATE='1700000000 +0000' GIT_COMMITTER_DATE='1700000000 +0000'
for i in $(seq 40); do seq $((i * 50)) > f$((i % 7)); git add .; git commit -q -m "change $i"; done
git checkout -q -b side HEAD~10; seq 9 > g; git add .; git commit -q -m side
git merge -q -m merged -s ours -; git rebase -q HEAD~1; git gc -q --aggressive --prune=now
git fsck --full --strict; git clone -q . ../b; git -C ../b log -p --stat | sha1sum
git blame f3 | sha1sum; git grep -c 99 | sha1sum; git bundle create -q ../all --all; git bundle verify -q ../all
git diff --stat HEAD~5; git archive HEAD | sha1sum; git rev-list --all --objects | sort | sha1sum`;

/** Perl's own features by perl: regular expressions, hashes, sorting, closures, threads of fork, formats. */
const PERL = `use strict; use warnings; use Test::More; use Storable qw(dclone freeze thaw); use List::Util qw(sum shuffle);
my %h = map { $_ => [1 .. $_ % 50] } 1 .. 20000; is(sum(map { scalar @$_ } values %h), 490000, "hash of lists");
is_deeply(thaw(freeze(\\%h)), \\%h, "storable"); delete @h{1 .. 10000}; is(scalar keys %h, 10000, "delete");
my $t = join ",", 1 .. 50000; my $n = () = $t =~ /(\\d)(?=\\1)/g; cmp_ok($n, ">", 1000, "lookahead");
(my $u = $t) =~ s/(\\d+)/<$1>/g; $u =~ s/[<>]//g; is($u, $t, "substitute"); my @s = sort { $a <=> $b } shuffle 1 .. 50000;
is_deeply(\\@s, [1 .. 50000], "sort"); my @c = map { my $i = $_; sub { $i++ } } 1 .. 10000; $_->() for @c; is($c[99]->(), 101, "closures");
for my $k (1 .. 20) { my $p = fork; if (!$p) { my @x = map { "x" x $_ } 1 .. 2000; exit(@x == 2000 ? 7 : 1) } waitpid $p, 0; is($? >> 8, 7, "fork $k") }
open my $f, "<", \\$t; local $/ = ","; my $l = 0; $l++ while <$f>; is($l, 50000, "lines"); is(eval { die { code => 3 } } // $@->{code}, 3, "die");
is(length(pack("w/a*", $t)), length($t) + 3, "pack"); done_testing`;

interface Suite {
  readonly name: string;
  readonly command: readonly string[];
  /** Why the suite cannot run; undefined if it can. */
  readonly missing?: string | undefined;
}

const run = (
  command: readonly string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
): { output: string; status: number | null } => {
  const { status, stdout, stderr } = spawnSync(command[0]!, command.slice(1), {
    cwd,
    env,
    encoding: "utf8",
    timeout: 900_000,
    maxBuffer: 2 ** 28,
  });
  return { output: `${stdout}${stderr}`, status };
};

const works = (command: readonly string[]): boolean =>
  spawnSync(command[0]!, command.slice(1)).status === 0;

const without = (command: readonly string[], packages: string): string | undefined =>
  works(command) ? undefined : `apt-get install ${packages}`;

function suites(): readonly Suite[] {
  const python = process.env["PYTHON"] ?? "/usr/bin/python3";
  const missing = without([python, "-c", "import test.test_list"], "libpython3-testsuite");
  return [
    ...PYTHON.map((name) => ({
      name: `python3 ${name}`,
      command: [python, "-m", "test", "-q", name],
      missing,
    })),
    {
      name: `python3 ${PYTHON_FORK}`,
      command: [python, "-m", "test", "-q", PYTHON_FORK],
      missing,
    },
    {
      name: "perl",
      command: ["perl", "-e", PERL],
      missing: without(["perl", "-MTest::More", "-MStorable", "-e1"], "perl"),
    },
    { name: "git", command: ["bash", "-c", GIT], missing: without(["git", "--version"], "git") },
  ];
}

if (process.platform !== "linux" || compiler === undefined) {
  console.log("skipped: needs Linux and a C compiler; on Debian: apt-get install gcc libc6-dev");
} else {
  buildC();
  inFolder((folder) => {
    buildLibraries(compiler!, folder);
    const LD_PRELOAD = join(folder, "libheapwright-malloc.so");
    if (!existsSync(LD_PRELOAD)) throw new Error(`no ${LD_PRELOAD}`);
    for (const { name, command, missing } of suites()) {
      if (missing !== undefined) {
        console.log(`${name}: skipped; on Debian: ${missing}`);
        continue;
      }
      const results = [{}, { LD_PRELOAD }].map((more) =>
        inFolder((place) => run(command, place, { ...process.env, ...more })),
      );
      const [plain, ours] = results;
      const fine = plain!.status === ours!.status;
      if (fine && plain!.status !== 0) console.log(`${name}: fails without the library too`);
      else console.log(`${name}: ${fine ? "as without" : "DIFFERS"}, status ${ours!.status}`);
      if (fine) continue;
      console.log(ours!.output);
      process.exitCode = 1;
    }
  });
}
