//! `{"items":[...],"count":n}`, serialised from the live items at each request.

use std::io;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use crate::{
    dataset::{Item, Rating},
    json::{self, name},
    number::Number,
};

/// Items with their totals for one factor.
#[derive(Clone, Copy, Debug)]
pub struct ItemList<'a> {
    /// The items to list.
    pub items: &'a [Item],
    /// What each total is multiplied by.
    pub factor: i64,
}

impl ItemList<'_> {
    /// Writes the list as compact JSON.
    ///
    /// # Errors
    /// When `out` fails; it may then hold part of the list.
    pub fn write(&self, out: &mut impl io::Write) -> io::Result<()> {
        json::write(out, &List(self))
    }

    /// Roughly how long the JSON is, rather more than less.
    pub fn bytes_estimate(&self) -> usize {
        const ITEM_BYTES: usize = 192;
        64 + self.items.len() * ITEM_BYTES
    }
}

struct List<'a>(&'a ItemList<'a>);

impl Serialize for List<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_map(Some(2))?;
        list.serialize_entry(&name::Items, &WithTotals(self.0))?;
        list.serialize_entry(&name::Count, &self.0.items.len())?;
        list.end()
    }
}

struct WithTotals<'a>(&'a ItemList<'a>);

impl Serialize for WithTotals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(Some(self.0.items.len()))?;
        for item in self.0.items {
            items.serialize_element(&Members {
                id: item.id,
                name: &item.name,
                category: &item.category,
                price: item.price,
                quantity: item.quantity,
                active: item.active,
                tags: &item.tags,
                rating: item.rating,
                total: Some(item.price.total(item.quantity, self.0.factor)),
            })?;
        }
        items.end()
    }
}

/// An item as it is answered; `T` is whatever its labels are kept as.
#[derive(Debug)]
pub(crate) struct Members<'a, T: ?Sized> {
    pub(crate) id: i64,
    pub(crate) name: &'a str,
    pub(crate) category: &'a str,
    pub(crate) price: Number,
    pub(crate) quantity: i64,
    pub(crate) active: bool,
    pub(crate) tags: &'a T,
    pub(crate) rating: Rating,
    pub(crate) total: Option<Number>,
}

impl<T: Serialize + ?Sized> Serialize for Members<'_, T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut item = serializer.serialize_map(None)?;
        item.serialize_entry(&name::Id, &self.id)?;
        item.serialize_entry(&name::Name, self.name)?;
        item.serialize_entry(&name::Category, self.category)?;
        item.serialize_entry(&name::Price, &self.price)?;
        item.serialize_entry(&name::Quantity, &self.quantity)?;
        item.serialize_entry(&name::Active, &self.active)?;
        item.serialize_entry(&name::Tags, self.tags)?;
        item.serialize_entry(&name::Rating, &RatingMembers(self.rating))?;
        if let Some(total) = &self.total {
            item.serialize_entry(&name::Total, total)?;
        }
        item.end()
    }
}

struct RatingMembers(Rating);

impl Serialize for RatingMembers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut rating = serializer.serialize_map(Some(2))?;
        rating.serialize_entry(&name::Score, &self.0.score)?;
        rating.serialize_entry(&name::Count, &self.0.count)?;
        rating.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{
        dataset::Dataset,
        testdata::{self, Generation},
    };

    /// The same answer made the slow way, from untyped JSON.
    fn naive(text: &str, count: usize, factor: i64) -> Value {
        let Value::Array(mut items) = serde_json::from_str(text).unwrap() else {
            panic!("the test data is an array");
        };
        items.truncate(count);
        for item in &mut items {
            let quantity = item["quantity"].as_i64().unwrap();
            let total = match item["price"].as_i64() {
                Some(price) => json!(price * quantity * factor),
                None => {
                    let price = item["price"].as_f64().unwrap();
                    let text = format!("{:.2}", price * quantity as f64 * factor as f64);
                    json!(text.parse::<f64>().unwrap())
                }
            };
            item["total"] = total;
        }
        json!({"count": items.len(), "items": items})
    }

    #[test]
    fn answers_equal_the_naive_ones_in_both_generations() {
        for generation in [Generation::Floats, Generation::Ints] {
            let text = testdata::dataset(generation, 50);
            let dataset = Dataset::parse(text.as_bytes()).unwrap();
            for (count, factor) in [(0, 1), (1, 3), (7, 2), (50, 6), (50, 1), (13, -4), (50, 0)] {
                let list = ItemList {
                    items: dataset.first(count),
                    factor,
                };
                let mut answer = Vec::new();
                list.write(&mut answer).unwrap();
                assert!(answer.len() <= list.bytes_estimate());
                let answer: Value = serde_json::from_slice(&answer).unwrap();
                assert_eq!(
                    answer,
                    naive(&text, usize::try_from(count).unwrap(), factor)
                );
            }
        }
    }

    #[test]
    fn the_shape_is_compact_and_keeps_number_types() {
        let text = r#"[{"id": 1, "name": "Alpha \"W\"", "category": "tools", "price": 12.3,
            "quantity": 12, "active": true, "tags": ["new", "sale"],
            "rating": {"score": 1.0, "count": 63}}]"#;
        let dataset = Dataset::parse(text.as_bytes()).unwrap();
        let list = ItemList {
            items: dataset.items(),
            factor: 1,
        };
        let mut answer = Vec::new();
        list.write(&mut answer).unwrap();
        assert_eq!(
            String::from_utf8(answer).unwrap(),
            r#"{"items":[{"id":1,"name":"Alpha \"W\"","category":"tools","price":12.3,"quantity":12,"active":true,"tags":["new","sale"],"rating":{"score":1.0,"count":63},"total":147.6}],"count":1}"#
        );
    }
}
