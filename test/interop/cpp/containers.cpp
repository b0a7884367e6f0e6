// Standard containers at work: a word index, an ordered map of events, vectors that grow, strings that are spliced.
// What it computes depends on every container, so an allocator that mixes up blocks shows.

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace {

std::uint32_t seed = 2463534242u;

std::uint32_t next_random() {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

std::uint32_t mix(std::uint32_t sum, std::uint32_t value) { return (sum ^ value) * 16777619u; }

std::uint32_t mix(std::uint32_t sum, const std::string &text) {
  for (unsigned char letter : text) sum = mix(sum, letter);
  return sum;
}

std::string word() {
  std::string made;
  const int length = 2 + next_random() % 30;
  for (int i = 0; i < length; i++) made += static_cast<char>('a' + next_random() % 26);
  return made;
}

// Words and the places they stand at; the rare ones are thrown out as it goes.
std::uint32_t index_words() {
  std::unordered_map<std::string, std::vector<int>> places;
  std::vector<std::string> vocabulary;
  for (int i = 0; i < 4000; i++) vocabulary.push_back(word());
  for (int at = 0; at < 120000; at++) {
    const std::uint32_t common = 1 + next_random() % vocabulary.size();
    const std::string &found = vocabulary[next_random() % common];
    places[found].push_back(at);
    if (at % 20000 == 19999) {
      for (auto entry = places.begin(); entry != places.end();)
        entry = entry->second.size() < 5 ? places.erase(entry) : std::next(entry);
    }
  }
  std::vector<std::pair<std::string, std::vector<int>>> sorted(places.begin(), places.end());
  std::sort(sorted.begin(), sorted.end());
  std::uint32_t sum = 0;
  for (const auto &[text, at] : sorted) {
    sum = mix(sum, text);
    for (int place : at) sum = mix(sum, place);
  }
  return sum;
}

// Events by time, taken from the front while others come in.
std::uint32_t simulate() {
  std::multimap<std::uint32_t, std::unique_ptr<std::string>> events;
  std::set<std::uint32_t> seen;
  std::uint32_t sum = 0;
  const auto add = [&events](std::uint32_t after) {
    const std::uint32_t time = after + next_random() % 100000;
    events.emplace(time, std::make_unique<std::string>(word()));
  };
  for (int i = 0; i < 5000; i++) add(0);
  for (int i = 0; i < 100000; i++) {
    auto first = events.begin();
    const std::uint32_t now = first->first;
    sum = mix(mix(sum, now), *first->second);
    if (!seen.insert(now % 8192).second) seen.erase(now % 8192);
    events.erase(first);
    add(now);
  }
  for (std::uint32_t value : seen) sum = mix(sum, value);
  return sum;
}

// Strings grow, are cut and joined; queues of different speeds.
std::uint32_t splice() {
  std::list<std::string> lines;
  std::deque<std::vector<char>> queue;
  std::uint32_t sum = 0;
  for (int i = 0; i < 30000; i++) {
    std::string line = word();
    while (next_random() % 4) line += " " + word();
    lines.push_back(std::move(line));
    if (lines.size() > 500) {
      const auto middle = std::next(lines.begin(), 1 + next_random() % 400);
      const std::string joined = *middle + lines.front().substr(lines.front().size() / 2);
      lines.pop_front();
      lines.insert(middle, joined.substr(0, 400));
      sum = mix(sum, joined);
      lines.erase(std::next(lines.begin(), next_random() % lines.size()));
    }
    queue.emplace_back(next_random() % 6000, static_cast<char>(i % 100));
    if (queue.size() > 64 + next_random() % 64) {
      for (char byte : queue.front()) sum += byte;
      queue.pop_front();
    }
  }
  for (const auto &line : lines) sum = mix(sum, line);
  return sum;
}

}  // namespace

int main() {
  std::printf("index %08x\n", index_words());
  std::printf("events %08x\n", simulate());
  std::printf("strings %08x\n", splice());
  void *none;
  std::printf("no power of two %d\n", posix_memalign(&none, 12, 8) == EINVAL);
  std::printf("no memory %d\n", posix_memalign(&none, 16, SIZE_MAX - 100) == ENOMEM);
}
