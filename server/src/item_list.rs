//! `{"items":[...],"count":n}`, serialised from the live items at each request.

use serde::{
    Serialize, Serializer,
    ser::{SerializeSeq, SerializeStruct},
};

use crate::{
    dataset::{Item, Rating},
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

impl Serialize for ItemList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_struct("ItemList", 2)?;
        list.serialize_field("items", &WithTotals(*self))?;
        list.serialize_field("count", &self.items.len())?;
        list.end()
    }
}

struct WithTotals<'a>(ItemList<'a>);

impl Serialize for WithTotals<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut items = serializer.serialize_seq(Some(self.0.items.len()))?;
        for item in self.0.items {
            items.serialize_element(&WithTotal {
                id: item.id,
                name: &item.name,
                category: &item.category,
                price: item.price,
                quantity: item.quantity,
                active: item.active,
                tags: &item.tags,
                rating: item.rating,
                total: item.price.total(item.quantity, self.0.factor),
            })?;
        }
        items.end()
    }
}

#[derive(Serialize)]
struct WithTotal<'a> {
    id: i64,
    name: &'a str,
    category: &'a str,
    price: Number,
    quantity: i64,
    active: bool,
    tags: &'a [Box<str>],
    rating: Rating,
    total: Number,
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
                let answer = serde_json::to_vec(&list).unwrap();
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
        assert_eq!(
            serde_json::to_string(&list).unwrap(),
            r#"{"items":[{"id":1,"name":"Alpha \"W\"","category":"tools","price":12.3,"quantity":12,"active":true,"tags":["new","sale"],"rating":{"score":1.0,"count":63},"total":147.6}],"count":1}"#
        );
    }
}
