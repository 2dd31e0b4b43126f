//! Text as HTML, in which it stays text.

/// Text as HTML, also within quotes.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            character => html.push(character),
        }
    }
    html
}

/// JSON within an element of data: nothing in it ends that, or begins a comment. Such characters
/// stand in strings alone.
pub(super) fn within_script(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            character => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let text = "<b a='1' c=\"2\">&amp;</b>";
        let expected = "&lt;b a=&#39;1&#39; c=&quot;2&quot;&gt;&amp;amp;&lt;/b&gt;";
        assert_eq!(escaped(text), expected);
    }

    #[test]
    fn data_does_not_end_its_element() {
        let data = serde_json::to_string("</script><!--<script>&").expect("JSON");
        let within = within_script(&data);
        assert!(!within.contains(['<', '>', '&']), "{within}");
        let read: String = serde_json::from_str(&within).expect("JSON");
        assert_eq!(read, "</script><!--<script>&");
    }
}
