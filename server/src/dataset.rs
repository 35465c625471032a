//! The arena's item files, read once at start and then only borrowed.

use std::{fmt, fs, io, path::Path};

use serde::Deserialize;

use crate::number::Number;

/// Beyond this a float no longer tells cents apart.
const FLOAT_SUBTOTAL_MAX: f64 = 1e13;

/// Items in file order.
#[derive(Debug)]
pub struct Dataset {
    items: Vec<Item>,
    factor_max: u64,
}

/// One item of a dataset.
#[derive(Debug, Deserialize)]
pub struct Item {
    /// Position in the file, from 1.
    pub id: i64,
    /// Product name.
    pub name: Box<str>,
    /// Product category.
    pub category: Box<str>,
    /// Price of one piece.
    pub price: Number,
    /// Number of pieces.
    pub quantity: i64,
    /// Whether the item is on sale.
    pub active: bool,
    /// Free labels.
    pub tags: Box<[Box<str>]>,
    /// What buyers think of it.
    pub rating: Rating,
}

/// The rating of an item.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Rating {
    /// Mean score.
    pub score: Number,
    /// How many scores there were.
    pub count: i64,
}

impl Dataset {
    /// Reads and checks the JSON array in `path`.
    ///
    /// # Errors
    /// When the file cannot be read, is not such an array (with line and
    /// column), or holds an item whose total cannot be computed.
    pub fn load(path: &Path) -> Result<Self, DatasetError> {
        Self::parse(&fs::read(path).map_err(DatasetError::Read)?)
    }

    /// Parses and checks the text of a dataset file.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn parse(text: &[u8]) -> Result<Self, DatasetError> {
        let mut items: Vec<Item> = serde_json::from_slice(text).map_err(DatasetError::Malformed)?;
        items.shrink_to_fit();
        let mut subtotal_max = 1;
        for item in &items {
            subtotal_max = subtotal_max.max(subtotal(item).ok_or(DatasetError::Range(item.id))?);
        }
        Ok(Self {
            items,
            factor_max: i64::MAX.unsigned_abs() / subtotal_max,
        })
    }

    /// All items.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// The first `count` items; a negative count is none of them, a count
    /// beyond the end is all.
    pub fn first(&self, count: i64) -> &[Item] {
        let count = usize::try_from(count.max(0)).unwrap_or(usize::MAX);
        &self.items[..count.min(self.items.len())]
    }

    /// The largest magnitude of a factor with which every integer total is
    /// still exact.
    pub fn factor_max(&self) -> u64 {
        self.factor_max
    }
}

/// The magnitude of an item's integer `price * quantity`; `None` when it does
/// not fit. Float prices bound no factor, so they count as 1.
fn subtotal(item: &Item) -> Option<u64> {
    match item.price {
        Number::Int(price) => price.checked_mul(item.quantity).map(i64::unsigned_abs),
        Number::Float(price) => {
            ((price * item.quantity as f64).abs() <= FLOAT_SUBTOTAL_MAX).then_some(1)
        }
    }
}

/// Why a dataset is not available.
#[derive(Debug)]
#[non_exhaustive]
pub enum DatasetError {
    /// The file cannot be read, most often because it is not there.
    Read(io::Error),
    /// The file is not a JSON array of items.
    Malformed(serde_json::Error),
    /// Price times quantity of the item with this id is out of range.
    Range(i64),
}

impl fmt::Display for DatasetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {error}"),
            Self::Malformed(error) => write!(f, "is not a list of items: {error}"),
            Self::Range(id) => write!(f, "item {id}: price times quantity is out of range"),
        }
    }
}

impl std::error::Error for DatasetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(error) => Some(error),
            Self::Malformed(error) => Some(error),
            Self::Range(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_price(price: &str, quantity: i64) -> Result<Dataset, DatasetError> {
        let item = format!(
            r#"{{"id":3,"name":"n","category":"c","price":{price},"quantity":{quantity},
            "active":true,"tags":["a"],"rating":{{"score":1,"count":2}}}}"#
        );
        Dataset::parse(format!("[{item},{item}]").as_bytes())
    }

    #[test]
    fn counts_are_clamped_to_the_dataset() {
        let dataset = with_price("4", 5).unwrap();
        let lengths = [i64::MIN, -1, 0, 1, 2, 3, i64::MAX].map(|n| dataset.first(n).len());
        assert_eq!(lengths, [0, 0, 0, 1, 2, 2, 2]);
    }

    #[test]
    fn the_factor_bound_keeps_totals_exact() {
        let dataset = with_price("4", 5).unwrap();
        let max = i64::try_from(dataset.factor_max()).unwrap();
        assert!(20_i64.checked_mul(max).is_some());
        assert!(20_i64.checked_mul(max + 1).is_none());
        assert_eq!(
            with_price("4.0", 5).unwrap().factor_max(),
            i64::MAX.unsigned_abs()
        );
    }

    #[test]
    fn errors_name_the_place() {
        let message = with_price("\"4\"", 5).unwrap_err().to_string();
        assert!(message.contains("line 1 column"), "{message}");
        let message = with_price("4611686018427387904", 2)
            .unwrap_err()
            .to_string();
        assert!(message.contains("item 3"), "{message}");
        assert!(matches!(
            with_price("1e300", 9),
            Err(DatasetError::Range(3))
        ));
        assert!(matches!(
            Dataset::load(Path::new("/nonexistent/dataset.json")),
            Err(DatasetError::Read(_))
        ));
        assert!(matches!(
            Dataset::parse(b"{}"),
            Err(DatasetError::Malformed(_))
        ));
    }
}
