//! The JSON datasets: what one item looks like in each generation, and the
//! generators of the fixed and of the altered lists.

use crate::rng::Rng;
use serde::Serialize;

/// One item with fractional prices and scores, as 2026-03 has them.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the field names are the format")]
pub struct FloatItem {
    pub id: u32,
    pub name: String,
    pub category: String,
    pub price: f64,
    pub quantity: u32,
    pub active: bool,
    pub tags: Vec<String>,
    pub rating: FloatRating,
}

/// The rating of a [`FloatItem`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the field names are the format")]
pub struct FloatRating {
    pub score: f64,
    pub count: u32,
}

/// One item with whole numbers only, as 2026-04 has them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the field names are the format")]
pub struct IntItem {
    pub id: u32,
    pub name: String,
    pub category: String,
    pub price: u32,
    pub quantity: u32,
    pub active: bool,
    pub tags: Vec<String>,
    pub rating: IntRating,
}

/// The rating of an [`IntItem`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[allow(missing_docs, reason = "the field names are the format")]
pub struct IntRating {
    pub score: u32,
    pub count: u32,
}

pub(super) const TAGS: [&str; 10] = [
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
const ADJECTIVES: [&str; 10] = [
    "Alpha", "Pro", "Ultra", "Nano", "Prime", "Core", "Flex", "Edge", "Swift", "Nova",
];
const NOUNS: [&str; 10] = [
    "Widget", "Gadget", "Module", "Sensor", "Driver", "Relay", "Switch", "Valve", "Gear", "Link",
];
const FLOAT_CATEGORIES: [&str; 8] = [
    "electronics",
    "tools",
    "clothing",
    "food",
    "sports",
    "books",
    "toys",
    "health",
];
const INT_CATEGORIES: [&str; 10] = [
    "electronics",
    "tools",
    "books",
    "clothing",
    "sports",
    "toys",
    "home",
    "garden",
    "office",
    "auto",
];
const LARGE_CATEGORIES: [&str; 10] = [
    "Electronics",
    "Books",
    "Clothing",
    "Home",
    "Garden",
    "Sports",
    "Toys",
    "Food",
    "Beauty",
    "Auto",
];
const LARGE_TAGS: [&str; 10] = [
    "featured",
    "new",
    "sale",
    "popular",
    "limited",
    "premium",
    "eco",
    "clearance",
    "handmade",
    "organic",
];

/// Items in `dataset.json` of both generations.
pub const DATASET_ITEMS: u32 = 50;
/// Items in `dataset-large.json`.
pub const LARGE_ITEMS: u32 = 6000;

/// `dataset.json` of 2026-03. Every value follows from the index alone, so this
/// file is byte-identical to the arena's.
pub fn float_dataset() -> Vec<FloatItem> {
    (0..DATASET_ITEMS as usize).map(float_item).collect()
}

fn float_item(i: usize) -> FloatItem {
    let first_tag = i % TAGS.len();
    FloatItem {
        id: i as u32 + 1,
        name: float_name(i),
        category: FLOAT_CATEGORIES[i % 8].into(),
        price: (50 + 73 * i % 997) as f64 / 10.0,
        quantity: 1 + (31 * i % 20) as u32,
        active: !i.is_multiple_of(3),
        tags: (0..=i % 3)
            .map(|step| TAGS[(first_tag + step) % TAGS.len()].into())
            .collect(),
        rating: FloatRating {
            score: (10 + 47 * i % 41) as f64 / 10.0,
            count: 10 + (53 * i % 500) as u32,
        },
    }
}

/// The ten names of the 2026-03 dataset, by index.
pub(super) fn float_name(i: usize) -> String {
    format!("{} {}", ADJECTIVES[i % 10], NOUNS[7 * i % 10])
}

pub(super) fn float_category(i: usize) -> &'static str {
    FLOAT_CATEGORIES[i % FLOAT_CATEGORIES.len()]
}

/// `dataset.json` of 2026-04: the arena's shape, types and ranges with values of
/// our own.
pub fn int_dataset(rng: &mut Rng) -> Vec<IntItem> {
    (0..DATASET_ITEMS as usize)
        .map(|i| int_item(i, rng))
        .collect()
}

fn int_item(i: usize, rng: &mut Rng) -> IntItem {
    let tag_count = rng.within(1, 4) as usize;
    IntItem {
        id: i as u32 + 1,
        name: format!("{} {}", ADJECTIVES[i % 10], NOUNS[7 * i % 10]),
        category: INT_CATEGORIES[i % 10].into(),
        price: rng.within(2, 496) as u32,
        quantity: rng.within(4, 97) as u32,
        active: !rng.within(0, 4).is_multiple_of(3),
        tags: rng
            .sample(&TAGS, tag_count)
            .into_iter()
            .map(|tag| (*tag).into())
            .collect(),
        rating: IntRating {
            score: rng.within(1, 50) as u32,
            count: rng.within(5, 489) as u32,
        },
    }
}

/// `dataset-large.json` of 2026-03: 6000 items.
pub fn large_dataset(rng: &mut Rng) -> Vec<FloatItem> {
    (1..=LARGE_ITEMS).map(|id| large_item(id, rng)).collect()
}

fn large_item(id: u32, rng: &mut Rng) -> FloatItem {
    let tag_count = rng.within(1, 4) as usize;
    FloatItem {
        id,
        name: format!("Product {id:05}"),
        category: (*rng.pick(&LARGE_CATEGORIES)).into(),
        price: rng.decimal(144, 99_992, 100),
        quantity: rng.within(1, 1000) as u32,
        active: rng.within(0, 1) == 1,
        tags: rng
            .sample(&LARGE_TAGS, tag_count)
            .into_iter()
            .map(|tag| (*tag).into())
            .collect(),
        rating: FloatRating {
            score: rng.decimal(10, 50, 10),
            count: rng.within(1, 5000) as u32,
        },
    }
}

/// The 2026-03 list with every value redrawn from its range. A server that
/// carries answers of the usual file in its binary gets these wrong.
pub fn altered_float_dataset(rng: &mut Rng) -> Vec<FloatItem> {
    let mut items = float_dataset();
    for item in &mut items {
        let tag_count = rng.within(1, 3) as usize;
        item.name = format!("{} {}", rng.pick(&ADJECTIVES), rng.text(8));
        item.category = (*rng.pick(&FLOAT_CATEGORIES)).into();
        item.price = rng.decimal(50, 1024, 10);
        item.quantity = rng.within(1, 20) as u32;
        item.active = rng.within(0, 1) == 1;
        item.tags = rng
            .sample(&TAGS, tag_count)
            .into_iter()
            .map(|tag| (*tag).into())
            .collect();
        item.rating.score = rng.decimal(10, 50, 10);
        item.rating.count = rng.within(10, 501) as u32;
    }
    items
}

/// The 2026-04 list redrawn, names included.
pub fn altered_int_dataset(rng: &mut Rng) -> Vec<IntItem> {
    let mut items = int_dataset(rng);
    for item in &mut items {
        item.name = format!("{} {}", rng.pick(&ADJECTIVES), rng.text(8));
        item.category = (*rng.pick(&INT_CATEGORIES)).into();
    }
    items
}

/// The 6000 items redrawn. Numbers only: names and tags decide how well the
/// list compresses, and the size limit belongs to the usual text.
pub fn altered_large_dataset(rng: &mut Rng) -> Vec<FloatItem> {
    large_dataset(rng)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_float_dataset_has_its_known_sum() {
        let total: f64 = float_dataset()
            .iter()
            .map(|item| (item.price * f64::from(item.quantity) * 100.0).round() / 100.0)
            .sum();
        assert!((total - 26_634.9).abs() < 1e-6, "{total}");
        assert_eq!(
            float_dataset().iter().filter(|item| item.active).count(),
            33
        );
    }

    #[test]
    fn int_items_keep_their_ranges() {
        let items = int_dataset(&mut Rng::new(1));
        assert_eq!(items.len(), 50);
        for item in &items {
            assert!((2..=496).contains(&item.price));
            assert!((4..=97).contains(&item.quantity));
            assert!((1..=4).contains(&item.tags.len()));
            assert!((1..=50).contains(&item.rating.score));
        }
        for category in INT_CATEGORIES {
            assert_eq!(
                items
                    .iter()
                    .filter(|item| item.category == category)
                    .count(),
                5
            );
        }
    }

    #[test]
    fn altered_lists_differ_from_the_usual_ones_and_replay() {
        assert_ne!(altered_float_dataset(&mut Rng::new(1)), float_dataset());
        assert_eq!(
            altered_int_dataset(&mut Rng::new(2)),
            altered_int_dataset(&mut Rng::new(2))
        );
        assert_ne!(
            altered_int_dataset(&mut Rng::new(2)),
            altered_int_dataset(&mut Rng::new(3))
        );
    }
}
