//! How the content of two databases is compared.

use std::borrow::Cow;

use serde_json::Value;

/// The property that lives give embeddings to, and nothing else.
pub(crate) const EMBEDDING: &str = "emb";

/// What has to be the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// All of it.
    #[default]
    Exact,
    /// All but the embeddings: a backup warned that the engine may show some that no log has.
    WithoutEmbeddings,
}

impl Comparison {
    pub(crate) fn is_same(self, one: &Value, other: &Value) -> bool {
        match self {
            Self::Exact => one == other,
            Self::WithoutEmbeddings => without_embeddings(one) == without_embeddings(other),
        }
    }
}

fn without_embeddings(content: &Value) -> Cow<'_, Value> {
    let mut content = Cow::Borrowed(content);
    if content["nodes"].is_array() {
        let nodes = content.to_mut()["nodes"].as_array_mut();
        for node in nodes.into_iter().flatten() {
            if let Some(properties) = node["props"].as_object_mut() {
                properties.remove(EMBEDDING);
            }
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_embeddings_are_left_out() {
        let node = |properties: Value| json!({"nodes": [{"id": 1, "props": properties}]});
        let (with, without) = (node(json!({"emb": [1.0], "i": 1})), node(json!({"i": 1})));
        assert!(!Comparison::Exact.is_same(&with, &without));
        assert!(Comparison::WithoutEmbeddings.is_same(&with, &without));
        assert!(!Comparison::WithoutEmbeddings.is_same(&with, &node(json!({"i": 2}))));
    }
}
