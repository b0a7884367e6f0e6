//! Rust's collections at work: strings, vectors, maps, boxes, reference counts, and blocks of large alignment. What it
//! computes depends on all of them. With `--cfg heapwright` they live on the heap, else on the allocator of Rust's library.

#[cfg(heapwright)]
#[path = "../out/rust/heapwright.rs"]
mod heapwright;

#[cfg(heapwright)]
#[global_allocator]
static HEAP: heapwright::Heap = heapwright::Heap;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::rc::Rc;

struct Random(u32);

impl Random {
    fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0
    }

    fn below(&mut self, end: u32) -> u32 {
        self.next() % end
    }
}

fn mix(sum: u32, value: u32) -> u32 {
    (sum ^ value).wrapping_mul(16777619)
}

fn mix_text(sum: u32, text: &str) -> u32 {
    text.bytes().fold(sum, |sum, byte| mix(sum, byte.into()))
}

enum Tree {
    Leaf(Rc<String>),
    Fork(Box<Tree>, Box<Tree>),
}

fn grow(random: &mut Random, depth: u32, texts: &[Rc<String>]) -> Tree {
    if depth == 0 || random.below(5) == 0 {
        return Tree::Leaf(texts[random.below(texts.len() as u32) as usize].clone());
    }
    let left = grow(random, depth - 1, texts);
    Tree::Fork(Box::new(left), Box::new(grow(random, depth - 1, texts)))
}

fn sum_of(tree: &Tree) -> u32 {
    match tree {
        Tree::Leaf(text) => mix_text(7, text),
        Tree::Fork(left, right) => mix(sum_of(left), sum_of(right)),
    }
}

#[derive(Clone)]
#[repr(align(64))]
struct Line([u32; 16]);

fn words(random: &mut Random, count: u32) -> u32 {
    let mut places: HashMap<String, Vec<u32>> = HashMap::new();
    for at in 0..count {
        let word = format!("word {}", random.below(3000) * random.below(7));
        places.entry(word).or_default().push(at);
        if at % 20000 == 19999 {
            places.retain(|_, at| at.len() > 4);
        }
    }
    let sorted: BTreeMap<_, _> = places.into_iter().collect();
    sorted.iter().fold(1, |sum, (word, at)| at.iter().fold(mix_text(sum, word), |sum, &at| mix(sum, at)))
}

fn trees(random: &mut Random, count: u32) -> u32 {
    let texts: Vec<_> = (0..100).map(|index| Rc::new("tree ".repeat(index % 9))).collect();
    let mut forest = VecDeque::new();
    let mut sum = 1;
    for _ in 0..count {
        forest.push_back(grow(random, 10, &texts));
        if forest.len() > 40 {
            sum = mix(sum, sum_of(&forest.pop_front().unwrap()));
        }
    }
    let leaves: usize = texts.iter().map(|text| Rc::strong_count(text) - 1).sum();
    mix(sum, leaves as u32)
}

fn lines(random: &mut Random, count: u32) -> u32 {
    let mut rows: Vec<Vec<Line>> = vec![Vec::new(); 50];
    for index in 0..count {
        let row = &mut rows[random.below(50) as usize];
        if row.len() > 100 {
            row.truncate(10);
            row.shrink_to_fit();
        }
        row.push(Line([index; 16]));
        assert_eq!(row.as_ptr() as usize % 64, 0);
    }
    let zeros = vec![0u64; 10000];
    assert!(zeros.iter().all(|&zero| zero == 0));
    rows.iter().flatten().fold(1, |sum, line| line.0.iter().fold(sum, |sum, &value| mix(sum, value)))
}

#[no_mangle]
pub extern "C" fn work() -> u32 {
    let mut random = Random(2463534242);
    let sums = [words(&mut random, 100000), trees(&mut random, 1000), lines(&mut random, 50000)];
    sums.iter().fold(1, |sum, &value| mix(sum, value))
}
