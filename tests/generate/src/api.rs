//! Writes `docs/reference/api.md` from the schemas of the custom resource definitions.

use std::collections::BTreeSet;
use std::fmt::Write;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray,
};
use responsibility_operator::api::crds;

use crate::markdown::{GENERATED, ended, table};

/// Returns the document: every field of every kind with its type, its bounds and its meaning.
pub fn document() -> String {
    let mut out = format!("{GENERATED}# The API\n\n");
    out.push_str(
        "This page lists the kinds of the group `sharedresponsibility.dev`, version `v1alpha1`. `kubectl explain` prints the \
         same descriptions.\n\n\
         - Fields in **bold** are required.\n\
         - `[]` marks the items of a list.\n\n\
         A schema cannot check everything. For example, the API server accepts an assignment that names an undeclared party; \
         the operator then\nreports a [finding](findings.md) in the status.\n\n",
    );
    for crd in crds() {
        describe(&mut out, &crd);
    }
    ended(out)
}

fn describe(out: &mut String, crd: &CustomResourceDefinition) {
    let names = &crd.spec.names;
    let short = names.short_names.iter().flatten().cloned().collect::<Vec<_>>().join(", ");
    let _ = writeln!(
        out,
        "## {}\n\n`{}.{}`, short name `{short}`, {}.\n",
        names.kind,
        names.plural,
        crd.spec.group,
        if crd.spec.scope == "Namespaced" { "namespaced" } else { "cluster-scoped" }
    );
    let schemas = crd.spec.versions.iter().filter_map(|version| version.schema.as_ref()?.open_api_v3_schema.as_ref());
    for schema in schemas {
        if let Some(about) = &schema.description {
            let _ = writeln!(out, "{about}\n");
        }
        for part in ["spec", "status"] {
            let Some(root) = schema.properties.as_ref().and_then(|fields| fields.get(part)) else { continue };
            let mut rows = Vec::new();
            fields(&mut rows, part, root);
            table(out, &["field", "type", "meaning"], rows);
        }
    }
}

fn fields(rows: &mut Vec<Vec<String>>, path: &str, schema: &JSONSchemaProps) {
    let required: BTreeSet<&String> = schema.required.iter().flatten().collect();
    for (name, field) in schema.properties.iter().flatten() {
        let path = format!("{path}.{name}");
        let shown = if required.contains(name) { format!("**{path}**") } else { path.clone() };
        rows.push(vec![shown, type_of(field), field.description.clone().unwrap_or_default()]);
        fields(rows, &path, field);
        if let Some(JSONSchemaPropsOrArray::Schema(items)) = &field.items {
            fields(rows, &format!("{path}[]"), items);
        }
    }
}

/// Returns the type of a field with its bounds.
fn type_of(schema: &JSONSchemaProps) -> String {
    let name = schema.type_.as_deref().unwrap_or("object");
    if let Some(words) = &schema.enum_ {
        let words: Vec<String> = words.iter().map(|word| word.0.to_string().replace('"', "")).collect();
        return words.join(", ");
    }
    let mut text = name.to_owned();
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &schema.items {
        text = format!("list of {}", type_of(items));
    }
    let most = schema.max_length.or(schema.max_items).or(schema.max_properties);
    if let Some(most) = most {
        let _ = write!(text, ", at most {most}");
    }
    if let (Some(least), Some(most)) = (schema.minimum, schema.maximum) {
        let _ = write!(text, ", {least} to {most}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_and_its_fields_are_in_the_document() {
        let document = document();
        for words in [
            "## ServiceModel",
            "**spec.duties[].layers**",
            "spec.parties[].evidence[].periodEnd",
            "status.risks[].reason",
        ] {
            assert!(document.contains(words), "{words}");
        }
        let undocumented: Vec<&str> =
            document.lines().filter(|line| line.starts_with("| ") && line.ends_with("|  |")).collect();
        assert!(undocumented.is_empty(), "{undocumented:?}");
    }
}
