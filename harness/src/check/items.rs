//! Comparing lists of items with the data that the server was started on.

use serde_json::Value;

/// What `total` must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Total {
    /// Price times quantity, rounded to cents; off by up to a cent is fine.
    Cents,
    /// Price times quantity times this, exactly.
    Times(u64),
    /// There is none.
    Absent,
}

/// Compares an answer `{"items":[...],"count":n}` with the expected items in
/// their order. The error is a sentence.
pub(super) fn compare_list(answer: &Value, expected: &[Value], total: Total) -> Result<(), String> {
    let items = list(answer, expected.len())?;
    for (index, (item, wanted)) in items.iter().zip(expected).enumerate() {
        compare_item(item, wanted, total).map_err(|why| format!("item {}: {why}", index + 1))?;
    }
    Ok(())
}

/// The items of an answer, whose number and `count` must both be `wanted`.
pub(super) fn list(answer: &Value, wanted: usize) -> Result<&[Value], String> {
    let items = answer
        .get("items")
        .and_then(Value::as_array)
        .ok_or_else(|| "the answer has no list `items`".to_owned())?;
    let count = answer.get("count").and_then(Value::as_u64);
    if count != Some(wanted as u64) {
        let count = answer
            .get("count")
            .map_or_else(|| "missing".into(), Value::to_string);
        return Err(format!("`count` is {count} instead of {wanted}"));
    }
    if items.len() != wanted {
        return Err(format!(
            "`count` says {wanted} but there are {} items",
            items.len()
        ));
    }
    Ok(items)
}

/// Every field of `wanted` must be in `item` with the same value.
pub(super) fn compare_item(item: &Value, wanted: &Value, total: Total) -> Result<(), String> {
    let fields = wanted.as_object().into_iter().flatten();
    for (key, value) in fields {
        let Some(found) = item.get(key) else {
            return Err(format!("field `{key}` is missing"));
        };
        if !same(found, value) {
            return Err(format!(
                "field `{key}` is {found} but the data that the server was started on says {value}"
            ));
        }
    }
    compare_total(item, wanted, total)
}

/// Equal values; numbers by their value, whatever their spelling.
fn same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Number(_), Value::Number(_)) => {
            let [found, wanted] = [found, wanted].map(|number| number.as_f64().unwrap_or(f64::NAN));
            (found - wanted).abs() <= 1e-9 * wanted.abs().max(1.0)
        }
        (Value::Array(found), Value::Array(wanted)) => {
            found.len() == wanted.len()
                && found
                    .iter()
                    .zip(wanted)
                    .all(|(found, wanted)| same(found, wanted))
        }
        (Value::Object(found), Value::Object(wanted)) => wanted
            .iter()
            .all(|(key, value)| found.get(key).is_some_and(|found| same(found, value))),
        _ => found == wanted,
    }
}

fn compare_total(item: &Value, wanted: &Value, total: Total) -> Result<(), String> {
    let number = |key: &str| wanted.get(key).and_then(Value::as_f64).unwrap_or(f64::NAN);
    let (expected, tolerance) = match total {
        Total::Absent => return Ok(()),
        Total::Cents => (
            (number("price") * number("quantity") * 100.0).round() / 100.0,
            0.01 + 1e-6,
        ),
        Total::Times(m) => (number("price") * number("quantity") * m as f64, 0.0),
    };
    let Some(found) = item.get("total").and_then(Value::as_f64) else {
        return Err("`total` is missing or no number".into());
    };
    if (found - expected).abs() <= tolerance {
        Ok(())
    } else {
        Err(format!("`total` is {found} instead of {expected}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wanted() -> Value {
        json!({"id": 1, "name": "x", "price": 2.5, "quantity": 3, "active": true,
               "tags": ["a", "b"], "rating": {"score": 1.0, "count": 4}})
    }

    fn item(total: f64) -> Value {
        let mut item = wanted();
        item["total"] = json!(total);
        item["rating"]["score"] = json!(1);
        item
    }

    #[test]
    fn the_right_item_passes_whatever_the_spelling_of_numbers() {
        assert_eq!(compare_item(&item(7.5), &wanted(), Total::Cents), Ok(()));
        assert_eq!(
            compare_item(&item(15.0), &wanted(), Total::Times(2)),
            Ok(())
        );
    }

    #[test]
    fn every_kind_of_difference_is_named() {
        let check = |change: fn(&mut Value)| {
            let mut changed = item(7.5);
            change(&mut changed);
            compare_item(&changed, &wanted(), Total::Cents).unwrap_err()
        };
        assert!(check(|item| item["name"] = json!("y")).contains("field `name`"));
        assert!(check(|item| item["tags"] = json!(["b", "a"])).contains("field `tags`"));
        assert!(check(|item| item["active"] = json!(1)).contains("field `active`"));
        assert!(check(|item| item["rating"]["count"] = json!(5)).contains("field `rating`"));
        assert!(check(|item| item["total"] = json!(7.6)).contains("`total` is 7.6"));
        assert!(
            check(|item| drop(item.as_object_mut().unwrap().remove("total"))).contains("missing")
        );
    }

    #[test]
    fn count_and_number_of_items_are_both_looked_at() {
        let one = json!({"items": [1], "count": 2});
        assert!(list(&one, 2).unwrap_err().contains("there are 1 items"));
        assert!(list(&one, 1).unwrap_err().contains("`count` is 2"));
        assert!(list(&json!({}), 1).unwrap_err().contains("no list"));
    }
}
