//! The OpenAPI 3.1 document, made of the same rows as the routes. Its schemas are of JSON Schema 2020-12, which is the
//! dialect of OpenAPI 3.1, and are made of the types that are read and written.

use super::caller::Scope;
use super::operation::{Operation, Shape, Verb, Work};
use super::problem::Code;
use super::tongue::Tongue;
use super::{change, operations, problem};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// As `/api/openapi.json` serves it.
pub fn document() -> Value {
    of(&operations())
}

pub(crate) fn of(operations: &[Operation]) -> Value {
    let mut writer = Writer::default();
    let mut paths = Map::new();
    for operation in operations {
        let path = format!("/api/v1{}", operation.path);
        let methods = paths.entry(path).or_insert_with(|| json!({}));
        methods[operation.verb.name()] = writer.operation(operation);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Coeur",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "SIP accounts: who exists, who is there, who calls whom.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": writer.schemas(),
            "responses": { "problem": {
                "description": "It was not done, and why.",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
            "securitySchemes": { "bearer": { "type": "http", "scheme": "bearer" } },
        },
    })
}

struct Writer {
    /// What we write and what we read are not described alike: a field that we always write may be left out when it is read.
    written: SchemaGenerator,
    read: SchemaGenerator,
}

impl Default for Writer {
    fn default() -> Self {
        let settings = settings();
        let mut written = settings.clone().for_serialize().into_generator();
        written.subschema_for::<problem::Words<'static>>();
        Self { written, read: settings.for_deserialize().into_generator() }
    }
}

fn settings() -> SchemaSettings {
    SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    })
}

/// Of the fields of a query.
pub(crate) fn names(query: Shape) -> Vec<String> {
    let schema = query(&mut settings().for_deserialize().into_generator());
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}

impl Writer {
    fn operation(&mut self, operation: &Operation) -> Value {
        let mut said = json!({
            "operationId": operation.name,
            "summary": operation.summary,
            "tags": [operation.resource.name()],
            "x-scope": Scope { resource: Some(operation.resource), access: operation.access }.to_string(),
            "x-action": operation.action().as_str(),
            "responses": self.responses(operation),
        });
        let parameters = self.parameters(operation);
        if !parameters.is_empty() {
            said["parameters"] = Value::Array(parameters);
        }
        if let Some(kind) = operation.takes_file {
            let content = json!({ kind: { "schema": { "type": "string" } } });
            said["requestBody"] = json!({ "required": true, "content": content });
        }
        if let Some(body) = operation.body {
            let schema = json!({ "schema": body(&mut self.read) });
            let content = match operation.is_large {
                true => {
                    json!({ "application/jsonl": schema, "text/csv": { "schema": { "type": "string" } } })
                }
                false => json!({ "application/json": schema }),
            };
            said["requestBody"] = json!({ "required": true, "content": content });
        }
        said
    }

    fn parameters(&mut self, operation: &Operation) -> Vec<Value> {
        let names = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        let mut parameters: Vec<Value> = names.map(part).collect();
        parameters.extend(operation.query.into_iter().flat_map(|query| self.fields(query)));
        if operation.is_dry_possible {
            let text = "`true`: it is checked and not done, and what it would change is told.";
            parameters.push(json!({ "name": "dry_run", "in": "query", "description": text, "schema": { "type": "boolean" } }));
        }
        if operation.verb == Verb::Post {
            let text = "What this client names this request by: sent again with the same, it is done once (24 hours).";
            parameters.push(json!({ "name": "Idempotency-Key", "in": "header", "description": text, "schema": { "type": "string", "maxLength": 200 } }));
        }
        if operation.is_conditional {
            let text = "The ETag of what was seen: it is done only if that is still so.";
            parameters.push(json!({ "name": "If-Match", "in": "header", "description": text, "schema": { "type": "string" } }));
        }
        parameters
    }

    /// Each field of the query by itself.
    fn fields(&mut self, query: Shape) -> Vec<Value> {
        let schema = query(&mut self.read).to_value();
        let required = schema.get("required").cloned().unwrap_or_default();
        let is_required =
            |name: &str| required.as_array().is_some_and(|names| names.iter().any(|known| known == name));
        let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
        let field = |(name, mut schema): (String, Value)| {
            let description = schema.as_object_mut().and_then(|schema| schema.remove("description"));
            let mut said = json!({ "name": name, "in": "query", "required": is_required(&name), "schema": given(schema) });
            if let Some(description) = description {
                said["description"] = description;
            }
            said
        };
        properties.into_iter().map(field).collect()
    }

    fn responses(&mut self, operation: &Operation) -> Value {
        let mut done = json!({ "description": "Done." });
        if matches!(operation.work, Work::Streams(_)) {
            for kind in operation.streams {
                done["content"][*kind] = json!({ "schema": { "type": "string" } });
            }
        }
        if let Some(answer) = operation.answer {
            done["content"] = json!({ "application/json": { "schema": answer(&mut self.written) } });
        }
        let mut responses = json!({ "default": { "$ref": "#/components/responses/problem" } });
        responses[operation.status.to_string()] = done;
        for code in refusals(operation) {
            let description = code.title(Tongue::English);
            let schema = json!({ "schema": { "$ref": "#/components/schemas/Problem" } });
            responses[code.status().as_str()] =
                json!({ "description": description, "content": { "application/problem+json": schema } });
        }
        if operation.is_dry_possible && operation.status != 200 {
            let schema = self.written.subschema_for::<change::Rehearsal>();
            responses["200"] = json!({
                "description": "With `dry_run`: what would be done.", "content": { "application/json": { "schema": schema } },
            });
        }
        if operation.is_dry_possible && operation.status == 200 {
            let rehearsal = self.written.subschema_for::<change::Rehearsal>();
            let schema = &mut responses["200"]["content"]["application/json"]["schema"];
            *schema = json!({ "anyOf": [schema.take(), rehearsal] });
        }
        responses
    }

    fn schemas(mut self) -> Map<String, Value> {
        let mut schemas = self.written.take_definitions(true);
        for (name, schema) in self.read.take_definitions(true) {
            // One name, one schema: `Page<X>` and its like are never read, bodies never written.
            debug_assert!(schemas.get(&name).is_none_or(|known| *known == schema), "{name} has two schemas");
            schemas.insert(name, schema);
        }
        schemas
    }
}

/// What everybody may meet besides going well; others are under `default`.
fn refusals(operation: &Operation) -> Vec<Code> {
    let mut codes = vec![Code::Invalid, Code::NotSignedIn, Code::Forbidden, Code::TooMany];
    if operation.path.contains('{') {
        codes.push(Code::NotFound);
    }
    if operation.is_conditional {
        codes.push(Code::Changed);
    }
    codes
}

fn part(name: &str) -> Value {
    let description = match name {
        "account" => "`acc_NUMBER` or `user@domain`.",
        "device" => "`dev_NUMBER`.",
        "call" => "`call_UUID`.",
        "user" => "`usr_NUMBER` or a login.",
        "tenant" => "`ten_NUMBER` or a name.",
        "contact" => "`ctc_NUMBER`.",
        "number" => "`num_NUMBER`, or the number itself with its `+`.",
        "group" => "`grp_NUMBER` or a name.",
        "alias" => "`user@domain`, or a name or number of the domain of the account.",
        "token" => "`tok_…`, as the list names it.",
        "phone" => "`pho_NUMBER`.",
        "job" => "`job_NUMBER`.",
        _ => "Its name.",
    };
    json!({ "name": name, "in": "path", "required": true, "description": description, "schema": { "type": "string" } })
}

/// In a query a value is there or it is not: it is never `null`.
fn given(mut schema: Value) -> Value {
    let Some(fields) = schema.as_object_mut() else { return schema };
    if let Some(kinds) = fields.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            let only = only.clone();
            fields.insert("type".to_owned(), only);
        }
    }
    if let Some(choices) = fields.get_mut("anyOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice.get("type").is_none_or(|kind| kind != "null"));
        if let [only] = choices.as_slice() {
            return only.clone();
        }
    }
    schema
}
