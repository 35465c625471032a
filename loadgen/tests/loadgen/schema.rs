//! The published schema, applied to real results. As much of JSON Schema as it uses; more strictly than that, a key that
//! it does not name is an error.

use serde_json::Value;

const SCHEMA: &str = include_str!("../../schema/loadgen-1.json");

/// Fails unless the schema describes all of `result`.
pub(crate) fn validate(result: &Value) {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let problems = Validator { root: &schema }.check(&schema, result, "");
    assert!(problems.is_empty(), "{problems:#?}");
}

struct Validator<'s> {
    root: &'s Value,
}

impl Validator<'_> {
    fn check(&self, schema: &Value, value: &Value, at: &str) -> Vec<String> {
        let mut problems = Vec::new();
        for (keyword, rule) in schema.as_object().unwrap() {
            let fine = match keyword.as_str() {
                "$schema" | "$id" | "$defs" | "title" | "description" => true,
                "type" => match rule.as_array() {
                    Some(types) => types.iter().any(|name| is_type(name, value)),
                    None => is_type(rule, value),
                },
                "enum" => rule.as_array().unwrap().contains(value),
                "const" => rule == value,
                "minimum" => value
                    .as_f64()
                    .is_none_or(|value| value >= rule.as_f64().unwrap()),
                "anyOf" => {
                    let rules = rule.as_array().unwrap();
                    rules
                        .iter()
                        .any(|rule| self.check(rule, value, at).is_empty())
                }
                "allOf" => {
                    for rule in rule.as_array().unwrap() {
                        problems.extend(self.check(rule, value, at));
                    }
                    true
                }
                "$ref" => {
                    let pointer = rule.as_str().unwrap().trim_start_matches('#');
                    problems.extend(self.check(self.root.pointer(pointer).unwrap(), value, at));
                    true
                }
                "required" => {
                    let mut keys = rule.as_array().unwrap().iter();
                    keys.all(|key| value.get(key.as_str().unwrap()).is_some())
                }
                "items" => {
                    for (number, item) in value.as_array().into_iter().flatten().enumerate() {
                        problems.extend(self.check(rule, item, &format!("{at}/{number}")));
                    }
                    true
                }
                "properties" | "additionalProperties" => {
                    problems.extend(self.members(schema, value, at, keyword));
                    true
                }
                other => panic!("the keyword {other} is not understood"),
            };
            if !fine {
                problems.push(format!("{at}: {value} does not meet {keyword} {rule}"));
            }
        }
        problems
    }

    fn members(&self, schema: &Value, value: &Value, at: &str, keyword: &str) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, member) in value.as_object().into_iter().flatten() {
            let at = format!("{at}/{key}");
            let named = schema["properties"].get(key);
            let rest = schema.get("additionalProperties");
            match (keyword, named, rest) {
                ("properties", Some(rule), _) => problems.extend(self.check(rule, member, &at)),
                ("properties", None, None) => problems.push(format!("{at} is not described")),
                ("additionalProperties", None, Some(rule)) => {
                    problems.extend(self.check(rule, member, &at));
                }
                _ => {}
            }
        }
        problems
    }
}

fn is_type(name: &Value, value: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.is_u64() || value.is_i64(),
        other => panic!("the type {other} is not understood"),
    }
}

#[test]
fn what_is_wrong_is_found() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    let validator = Validator { root: &schema };
    let row = &schema["$defs"]["row"];
    let mut value = serde_json::json!({});
    assert!(!validator.check(row, &value, "").is_empty());
    for key in row["required"].as_array().unwrap() {
        value[key.as_str().unwrap()] = 1.into();
    }
    value["hdr"] = "x".into();
    assert_eq!(validator.check(row, &value, ""), Vec::<String>::new());
    for (key, wrong) in [
        ("ok", Value::from(-1)),
        ("p50", "x".into()),
        ("new", 1.into()),
    ] {
        let mut value = value.clone();
        value[key] = wrong;
        assert_eq!(validator.check(row, &value, "").len(), 1, "{key}");
    }
}
