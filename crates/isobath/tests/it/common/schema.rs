//! Check of JSON against the part of JSON Schema that this program's schemas use.

use serde_json::Value;

/// Places in `value` that `schema` does not allow, with what is wrong there.
pub fn violations(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Check { root: schema, found: &mut found }.check(schema, value, "");
    found
}

struct Check<'a> {
    root: &'a Value,
    found: &'a mut Vec<String>,
}

impl Check<'_> {
    fn check(&mut self, schema: &Value, value: &Value, place: &str) {
        let mut wrong = |text: String| self.found.push(format!("{place} {text}"));
        for (key, rule) in schema.as_object().unwrap() {
            match key.as_str() {
                "const" if value != rule => wrong(format!("is not {rule}")),
                "enum" if !rule.as_array().unwrap().contains(value) => wrong("is unknown".into()),
                "type" if !is_of(rule, value) => wrong(format!("is not of type {rule}")),
                "minimum" if value.as_f64() < rule.as_f64() && value.is_number() => {
                    wrong(format!("is below {rule}"));
                }
                "maximum" if value.as_f64() > rule.as_f64() => wrong(format!("is above {rule}")),
                "minItems"
                    if value
                        .as_array()
                        .is_some_and(|a| (a.len() as u64) < rule.as_u64().unwrap()) =>
                {
                    wrong(format!("has fewer than {rule} items"));
                }
                "maxItems"
                    if value
                        .as_array()
                        .is_some_and(|a| (a.len() as u64) > rule.as_u64().unwrap()) =>
                {
                    wrong(format!("has more than {rule} items"));
                }
                "required" if value.is_object() => {
                    let keys = rule.as_array().unwrap().iter().map(|key| key.as_str().unwrap());
                    keys.filter(|key| value.get(key).is_none())
                        .for_each(|key| wrong(format!("lacks {key}")));
                }
                "$schema" | "title" | "description" | "$defs" | "const" | "enum" | "type"
                | "minimum" | "maximum" | "minItems" | "maxItems" | "required" | "properties"
                | "items" | "anyOf" | "$ref" => {}
                other => panic!("the check does not know {other}"),
            }
        }
        self.check_parts(schema, value, place);
    }

    fn check_parts(&mut self, schema: &Value, value: &Value, place: &str) {
        if let Some(reference) = schema.get("$ref") {
            let pointer = reference.as_str().unwrap().trim_start_matches('#');
            let target = self.root.pointer(pointer).unwrap();
            self.check(target, value, place);
        }
        if let Some(properties) = schema.get("properties").and_then(Value::as_object) {
            for (key, schema) in properties {
                if let Some(value) = value.get(key) {
                    self.check(schema, value, &format!("{place}/{key}"));
                }
            }
        }
        if let (Some(schema), Some(items)) = (schema.get("items"), value.as_array()) {
            for (index, item) in items.iter().enumerate() {
                self.check(schema, item, &format!("{place}/{index}"));
            }
        }
        if let Some(options) = schema.get("anyOf").and_then(Value::as_array) {
            let fits = |option: &Value| {
                let mut found = Vec::new();
                Check { root: self.root, found: &mut found }.check(option, value, place);
                found.is_empty()
            };
            if !options.iter().any(fits) {
                self.found.push(format!("{place} fits none of the alternatives"));
            }
        }
    }
}

fn is_of(types: &Value, value: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the check does not know the type {other}"),
    };
    match types {
        Value::Array(types) => types.iter().any(|name| is(name.as_str().unwrap())),
        name => is(name.as_str().unwrap()),
    }
}
