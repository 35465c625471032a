//! Generated data in the shape of the arena's files, for tests and benches.

/// Whether prices and scores are written as integers or as floats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generation {
    /// `"price": 5.0`
    Floats,
    /// `"price": 328`
    Ints,
}

const ADJECTIVES: [&str; 10] = [
    "Alpha", "Pro", "Ultra", "Nano", "Prime", "Core", "Flex", "Edge", "Swift", "Nova",
];
const NOUNS: [&str; 10] = [
    "Widget", "Gadget", "Module", "Sensor", "Driver", "Relay", "Switch", "Valve", "Gear", "Link",
];
const CATEGORIES: [&str; 8] = [
    "electronics",
    "tools",
    "clothing",
    "food",
    "sports",
    "books",
    "toys",
    "health",
];
const TAGS: [&str; 10] = [
    "fast",
    "new",
    "popular",
    "sale",
    "limited",
    "premium",
    "eco",
    "compact",
    "heavy-duty",
    "wireless",
];

/// The text of a dataset file with `count` items, the same at every call.
pub fn dataset(generation: Generation, count: usize) -> String {
    let mut random = Random(0x5157_5357);
    let items: Vec<String> = (1..=count)
        .map(|id| item(generation, id, &mut random))
        .collect();
    format!("[{}]", items.join(",\n"))
}

fn item(generation: Generation, id: usize, random: &mut Random) -> String {
    let name = format!("{} {} {id}", random.pick(&ADJECTIVES), random.pick(&NOUNS));
    let category = random.pick(&CATEGORIES);
    let (price, score) = match generation {
        Generation::Floats => (
            format!("{:?}", (144 + random.below(99_849)) as f64 / 100.0),
            format!("{:?}", (10 + random.below(41)) as f64 / 10.0),
        ),
        Generation::Ints => (
            (1 + random.below(500)).to_string(),
            (1 + random.below(50)).to_string(),
        ),
    };
    let (quantity, count) = (1 + random.below(1000), 1 + random.below(500));
    let (active, first_tag) = (random.below(2) == 1, random.below(7));
    let tags = &TAGS[first_tag..first_tag + 1 + random.below(3)];
    format!(
        r#"{{"id": {id}, "name": "{name}", "category": "{category}", "price": {price}, "quantity": {quantity}, "active": {active}, "tags": {tags:?}, "rating": {{"score": {score}, "count": {count}}}}}"#
    )
}

/// Knuth's MMIX generator: enough to vary data, and the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }

    fn pick(&mut self, words: &[&'static str]) -> &'static str {
        words[self.below(words.len())]
    }
}
