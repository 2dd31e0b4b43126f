//! `apograph prune` and `apograph pin`, as an operator uses them.

use serde_json::{Value, json};

use crate::status::{database, said};

fn object(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))
}

#[test]
fn a_policy_is_shown_done_and_undone() {
    for generation in ["v1", "v2"] {
        let folder = database(generation);
        assert_eq!(said(&folder, "init v --vault").0, 0);
        for _ in 0..3 {
            assert_eq!(said(&folder, "backup people.grafeo -r v --full").0, 0);
        }
        let prune = "prune v --keep-last 1";
        let (exit, refused) = said(&folder, &format!("{prune} --json"));
        assert_eq!((exit, refused.as_str()), (4, ""), "nothing was verified");
        assert_eq!(said(&folder, "verify v").0, 0);
        assert_eq!(said(&folder, "prune v").0, 2, "it would keep nothing");
        let (exit, text) = said(&folder, prune);
        assert_eq!(exit, 0);
        for part in ["STAYS AS", "newest, last", "- goes", "Nothing was changed"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let shown = object(&said(&folder, &format!("{prune} --json")).1);
        let before = object(&said(&folder, "list v --json").1);
        assert_eq!(shown["applied"], json!(false));
        let segments = before["segments"].as_array().unwrap().len();
        let (gone, stay) = (shown["removed"].as_u64(), shown["kept"].as_u64());
        assert_eq!(gone.unwrap() + stay.unwrap(), segments as u64);
        let latest = before["restorable"].as_array().unwrap().last().unwrap()["to_point"].clone();
        let (exit, text) = said(&folder, "pin v safe");
        assert_eq!(exit, 0);
        let latest = latest.as_str().unwrap();
        assert!(text.contains(&format!("{latest} as safe")), "{text}");
        let done = object(&said(&folder, &format!("{prune} --apply --json")).1);
        assert_eq!(
            (&done["applied"], &done["removed"]),
            (&json!(true), &shown["removed"])
        );
        let after = object(&said(&folder, "list v --json").1);
        assert_eq!(
            after["segments"].as_array().unwrap().len() as u64,
            stay.unwrap()
        );
        assert_eq!(after["pins"][0]["name"], json!("safe"));
        let (_, text) = said(&folder, "list v");
        assert!(text.contains("Pinned: safe at "), "{text}");
        assert!(
            text.contains("Pruned: what was before the first segment"),
            "{text}"
        );
        assert_eq!(said(&folder, "restore v out.grafeo --name safe").0, 0);
        assert_eq!(said(&folder, "restore v other.grafeo --name unknown").0, 5);
        assert_eq!(said(&folder, "verify v").0, 0);
        let back = object(&said(&folder, "prune v --undo --json").1);
        assert_eq!(
            back["brought_back"].as_array().unwrap().len() as u64,
            gone.unwrap()
        );
        let files = |list: &Value| {
            let segments = list["segments"].as_array().unwrap().iter();
            segments.map(|it| it["file"].clone()).collect::<Vec<_>>()
        };
        let back = object(&said(&folder, "list v --json").1);
        assert_eq!(files(&back), files(&before));
        assert_eq!(said(&folder, &format!("{prune} --apply --grace 0s")).0, 0);
        assert_eq!(said(&folder, "prune v --undo").0, 4, "it is too late");
        assert_eq!(said(&folder, "pin v safe --remove").0, 0);
        assert_eq!(said(&folder, "pin v safe --remove").0, 5);
        assert_eq!(said(&folder, "backup people.grafeo -r v --full").0, 0);
    }
}
