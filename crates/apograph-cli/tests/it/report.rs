//! The page of a repository: what it says without a script, and what may act in it.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::command::{Chain, V1, V2};

fn page(chain: Chain, folder: &Path, words: &str) -> String {
    let page = folder.join("page.html");
    let (exit, object) = chain.apograph(&page, words);
    assert_eq!(exit, Some(0), "{object}");
    fs::read_to_string(page).unwrap()
}

/// What stands between two texts, once.
fn between<'a>(html: &'a str, start: &str, end: &str) -> &'a str {
    let (_, rest) = html.split_once(start).expect("the start");
    let (found, _) = rest.split_once(end).expect("the end");
    found
}

fn data(html: &str) -> Value {
    let text = between(
        html,
        "<script type=\"application/json\" id=\"data\">",
        "</script>",
    );
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_page_has_what_list_says() {
    for chain in [V1, V2] {
        let folder = tempfile::tempdir().unwrap();
        let html = page(chain, folder.path(), "report REPO -o OUT");
        let (_, listed) = chain.apograph(folder.path(), "list REPO");
        let data = data(&html);
        let segments = listed["segments"].as_array().unwrap();
        for (index, segment) in segments.iter().enumerate() {
            let of = |column: &str| &data[column][index];
            assert_eq!(of("file"), &segment["file"]);
            assert_eq!(of("bytes"), &segment["size_bytes"]);
            assert_eq!(of("checksum"), &segment["checksum"]);
            assert_eq!(
                of("commits"),
                segment.get("commits").unwrap_or(&Value::Null)
            );
            assert_eq!(of("state"), &json!(""));
        }
        assert_eq!(
            data["target"].as_array().map(Vec::len),
            Some(segments.len())
        );
        let range = &listed["restorable"][0];
        let option = format!("--epoch {}", range["to_point"].as_str().unwrap());
        assert_eq!(data["target"][segments.len() - 1], json!(option));
        assert!(html.contains(listed["captured_until"].as_str().unwrap()));
    }
}

#[test]
fn the_object_says_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let (exit, object) = V1.apograph(&page, "report REPO -o OUT");
    let expected = json!({
        "command": "report", "output": page.to_str(), "segments": 4,
        "bytes_written": fs::metadata(&page).unwrap().len(), "warnings": [],
    });
    assert_eq!((exit, object), (Some(0), expected));
}

/// The policy names the hashes of what is in the page, and no place to load from. A repository and a
/// pin with names that would act are told as text.
#[test]
fn nothing_acts_in_the_page_but_what_it_was_made_with() {
    const NAME: &str = "<img src=x onerror='alert(1)'>&amp;";
    let folder = tempfile::tempdir().unwrap();
    V1.copy_to(&folder.path().join(NAME));
    let words = [
        &["pin", NAME, "</script><!--\u{2028}"][..],
        &["report", NAME, "-o", "page.html"],
    ];
    for words in words {
        let mut command = Command::new(env!("CARGO_BIN_EXE_apograph"));
        let run = command
            .current_dir(folder.path())
            .args(words)
            .output()
            .unwrap();
        assert!(run.status.success(), "{run:?}");
    }
    let html = fs::read_to_string(folder.path().join("page.html")).unwrap();
    let policy = between(&html, "Content-Security-Policy\" content=\"", "\"");
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    let script = hash(between(&html, "<script>", "</script>"));
    let style = hash(between(&html, "<style>", "</style>"));
    let expected = format!(
        "default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; \
         form-action 'none'"
    );
    assert_eq!(policy, expected);
    assert!(!html.contains("<img") && !html.contains("<!--\u{2028}"));
    for (text, count) in [
        ("<script", 2),
        ("</script", 2),
        ("<style", 1),
        ("<link", 1),
        (" src=\"", 0),
    ] {
        assert_eq!(html.matches(text).count(), count, "{text}");
    }
    let data = data(&html);
    assert_eq!(data["pins"][0][1], json!("</script><!--\u{2028}"));
    let restore = "apograph restore '<img src=x onerror='\\''alert(1)'\\''>&amp;' copy.grafeo";
    assert_eq!(data["restore"], json!(restore));
}

/// A report is replaced where that is wanted, and nothing else ever.
#[test]
fn only_a_report_is_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("page.html");
    page(V1, folder.path(), "report REPO -o OUT");
    let refused = |words: &str, place: &Path, hint: &str| {
        let before = fs::read(place).unwrap();
        let (exit, object) = V1.apograph(place, words);
        assert_eq!(
            (exit, &object["error"]["code"]),
            (Some(6), &json!("output-exists"))
        );
        assert_eq!(object["error"]["hint"], json!(hint));
        assert_eq!(fs::read(place).unwrap(), before);
    };
    refused(
        "report REPO -o OUT",
        &place,
        "`--force` replaces an earlier report",
    );
    page(V1, folder.path(), "report REPO -o OUT --force");
    let other = folder.path().join("other.html");
    let hint = "name an OUTPUT that does not exist; nothing is ever overwritten";
    fs::write(&other, "<!doctype html>\n").unwrap();
    refused("report REPO -o OUT", &other, hint);
    refused("report REPO -o OUT --force", &other, hint);
    let copy = V1.copy_to(&folder.path().join("copy"));
    let (exit, object) = V1.apograph(&copy.join("page.html"), "report REPO -o OUT");
    assert_eq!(
        (exit, &object["error"]["code"]),
        (Some(2), &json!("usage")),
        "{object}"
    );
    assert!(!copy.join("page.html").exists());
    let left = fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(left, 3, "no temporary file");
}
