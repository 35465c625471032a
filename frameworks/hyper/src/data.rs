//! The datasets and the answers made from them.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

/// What was found at start; a missing or malformed file leaves `None`.
pub(crate) struct Datasets {
    pub(crate) small: Option<Vec<Item>>,
    pub(crate) large: Option<Vec<Item>>,
}

impl Datasets {
    pub(crate) fn load(data_dir: &Path) -> Self {
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
            eprintln!(
                "hyper: {}: {reason}; {endpoint} answers 500",
                path.display()
            );
            None
        }
    }
}

/// An integer stays an integer on the wire and a float a float: the two
/// generations of the data differ in exactly this.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(untagged)]
pub(crate) enum Number {
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
pub(crate) struct Item {
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
pub(crate) struct Rating {
    pub(crate) score: Number,
    pub(crate) count: i64,
}

#[derive(Serialize)]
struct ItemWithTotal<'a> {
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

#[derive(Serialize)]
struct List<T> {
    items: Vec<T>,
    count: usize,
}

/// `{"items":[...],"count":n}` of `items` with their totals; `None` when a
/// total does not fit.
pub(crate) fn list(items: &[Item], factor: i64) -> Option<Vec<u8>> {
    let with_totals: Option<Vec<_>> = items
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
    let mut body = Vec::with_capacity(64 + items.len() * 192);
    serde_json::to_writer(
        &mut body,
        &List {
            items: with_totals?,
            count: items.len(),
        },
    )
    .ok()?;
    Some(body)
}
