//! Which names an object can have.

use apograph_store::ObjectName;
use proptest::prelude::*;

#[test]
fn no_name_leads_out_of_its_store() {
    let long = "a".repeat(129);
    let many = vec!["abc"; 129].join("/");
    for text in [
        "", "/", "a/", "/a", "a//b", ".", "..", "a/..", "../a", ".hidden", "a/.b", "ä", "a b",
        "a\\b", "a\0", "a:b", "a%2fb", &long, &many,
    ] {
        let error = ObjectName::parse(text).expect_err(text);
        assert_eq!(error.text, text);
    }
    for text in ["a", "vault.json", "segments/0-1-full-9f.zst.age", "a/b/c"] {
        let name = ObjectName::parse(text).expect(text);
        assert_eq!((name.as_str(), name.to_string().as_str()), (text, text));
    }
}

proptest! {
    #[test]
    fn a_name_is_its_folder_and_its_file(text in "[a-z.][a-z./]{0,20}") {
        if let Ok(name) = ObjectName::parse(text.clone()) {
            let (folder, file) = name.split();
            let joined = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
            prop_assert_eq!(joined, text);
            prop_assert!(!file.contains('/'));
        }
    }
}
