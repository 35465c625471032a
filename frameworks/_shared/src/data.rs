//! The datasets and the lists made from them.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

/// What was found at start; a missing or malformed file leaves `None`.
pub struct Datasets {
    pub small: Option<Vec<Item>>,
    pub large: Option<Vec<Item>>,
}

impl Datasets {
    pub fn load(data_dir: &Path) -> Self {
        Self {
            small: read(&data_dir.join("dataset.json"), "/json"),
            large: read(&data_dir.join("dataset-large.json"), "/compression"),
        }
    }
}

fn read(path: &Path, endpoint: &str) -> Option<Vec<Item>> {
    let parsed = fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|text| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    match parsed {
        Ok(items) => Some(items),
        Err(reason) => {
            eprintln!("{}: {reason}; {endpoint} answers 500", path.display());
            None
        }
    }
}

/// An integer stays an integer on the wire and a float a float: the two
/// generations of the data differ in exactly this.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(untagged)]
pub enum Number {
    Int(i64),
    Float(f64),
}

impl Number {
    /// `self * quantity * factor`, floats rounded to two decimals; `None` when
    /// an integer leaves its range.
    fn total(self, quantity: i64, factor: i64) -> Option<Self> {
        match self {
            Self::Int(price) => price
                .checked_mul(quantity)?
                .checked_mul(factor)
                .map(Self::Int),
            Self::Float(price) => {
                let total = price * quantity as f64 * factor as f64;
                Some(Self::Float((total * 100.0).round() / 100.0))
            }
        }
    }
}

#[derive(Deserialize)]
pub struct Item {
    id: i64,
    name: String,
    category: String,
    price: Number,
    quantity: i64,
    active: bool,
    tags: Vec<String>,
    rating: Rating,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
pub struct Rating {
    pub score: Number,
    pub count: i64,
}

/// An item as it is answered.
#[derive(Serialize)]
pub struct ItemWithTotal<'a> {
    id: i64,
    name: &'a str,
    category: &'a str,
    price: Number,
    quantity: i64,
    active: bool,
    tags: &'a [String],
    rating: Rating,
    total: Number,
}

/// `{"items":[...],"count":n}`.
#[derive(Serialize)]
pub struct List<'a> {
    items: Vec<ItemWithTotal<'a>>,
    count: usize,
}

impl<'a> List<'a> {
    /// `items` with their totals; `None` when a total does not fit.
    pub fn new(items: &'a [Item], factor: i64) -> Option<Self> {
        let items: Option<Vec<_>> = items
            .iter()
            .map(|item| {
                Some(ItemWithTotal {
                    id: item.id,
                    name: &item.name,
                    category: &item.category,
                    price: item.price,
                    quantity: item.quantity,
                    active: item.active,
                    tags: &item.tags,
                    rating: item.rating,
                    total: item.price.total(item.quantity, factor)?,
                })
            })
            .collect();
        items.map(|items| Self {
            count: items.len(),
            items,
        })
    }

    /// The compact text.
    pub fn to_json(&self) -> Option<Vec<u8>> {
        let mut body = Vec::with_capacity(64 + self.items.len() * 192);
        serde_json::to_writer(&mut body, self).ok()?;
        Some(body)
    }
}

/// The first `count` of `items`, as far as there are so many.
pub fn first(items: &[Item], count: i64) -> &[Item] {
    let count = usize::try_from(count).unwrap_or(0).min(items.len());
    &items[..count]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(prices: [&str; 2]) -> Vec<Item> {
        let item = |price: &str| {
            format!(
                r#"{{"id":1,"name":"n","category":"c","price":{price},"quantity":3,"active":true,
                "tags":["t"],"rating":{{"score":4,"count":5}}}}"#
            )
        };
        let text = format!("[{},{}]", item(prices[0]), item(prices[1]));
        serde_json::from_str(&text).unwrap()
    }

    #[test]
    fn totals_are_whole_where_prices_are() {
        let items = items(["7", "1.115"]);
        let text = String::from_utf8(List::new(&items, 2).unwrap().to_json().unwrap()).unwrap();
        assert!(
            text.contains(r#""price":7,"#) && text.contains(r#""total":42}"#),
            "{text}"
        );
        assert!(
            text.contains(r#""price":1.115,"#) && text.contains(r#""total":6.69}"#),
            "{text}"
        );
        assert!(text.ends_with(r#"],"count":2}"#), "{text}");
    }

    #[test]
    fn totals_beyond_the_range_are_none() {
        assert!(List::new(&items(["7", "8"]), i64::MAX).is_none());
    }

    #[test]
    fn counts_are_clamped() {
        let items = items(["1", "2"]);
        let sizes = [-1, 0, 1, 2, 3, i64::MAX].map(|count| first(&items, count).len());
        assert_eq!(sizes, [0, 0, 1, 2, 2, 2]);
    }
}
