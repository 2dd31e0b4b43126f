//! What a chain can restore, and where it breaks off.

use apograph_format::Generation;
use apograph_manifest::Chain;
use apograph_testing::errors::told;

use super::words::chain;

fn restorable(chain: &Chain) -> String {
    let ranges = chain.restorable().into_iter();
    let ranges = ranges.map(|range| format!("{}:{}-{}", range.timeline, range.from, range.to));
    ranges.collect::<Vec<_>>().join(" ")
}

fn restorable_lsns(chain: &Chain) -> String {
    let ranges = chain.restorable_lsns().into_iter();
    let ranges = ranges.map(|range| {
        let timeline = range.timeline.expect("a timeline");
        format!("{timeline}:{}-{}", range.from, range.to)
    });
    ranges.collect::<Vec<_>>().join(" ")
}

fn gaps(chain: &Chain) -> String {
    let causes = chain.gaps().map(|gap| told(&gap.cause));
    causes.collect::<Vec<_>>().join("; ")
}

const GAP: &str = "backup_incr_0002.wal begins at log position lsn 201; \
                   the log before it ended at lsn 200";
const ANEW: &str = "backup_full_0002.grafeo does not go on from the log before it; \
                    commits in between, if any, are in no segment";

#[test]
fn what_can_be_restored() {
    // Chain, points, LSNs, gaps.
    let rows = [
        ("F7@100", "1:7-7", "1:100-100", ""),
        ("F7@100 I8-9@100-200 I10@200-300", "1:7-10", "1:100-300", ""),
        // A gap in the positions is a gap, be the epochs as they may.
        ("F7@100 I8-9@100-200 I10@201-300", "1:7-9", "1:100-200", GAP),
        (
            "F7@100 I8@101-200",
            "1:7-7",
            "1:100-100",
            "backup_incr_0001.wal begins at log position lsn 101; \
             the log before it ended at lsn 100",
        ),
        // An overlap that holds the same bytes is none.
        ("F7@100 I8-9@100-200 I10@150-300", "1:7-10", "1:100-300", ""),
        ("F7@100 I8@60-200", "1:7-8", "1:100-200", ""),
        (
            "F7@100 I8-9@100-200 I10@150-300d",
            "1:7-9",
            "1:100-200",
            "backup_incr_0002.wal holds other commits than the log before it has at the same \
             positions: it is of another copy of the database, or a crash took what was captured",
        ),
        // Epochs that no commit has are no gap, and neither are epochs that are shared.
        ("F7@100 I9-9@100-200 I80@200-300", "1:7-80", "1:100-300", ""),
        (
            "F7@100 I8-9@100-200 I9-10@200-300",
            "1:7-10",
            "1:100-300",
            "",
        ),
        ("F7@100 I@100-150 I8@150-300", "1:7-8", "1:100-300", ""),
        ("F7@100 I@100-150", "1:7-7", "1:100-150", ""),
        // Files.
        (
            "F7@100 I8@100-200! I9@200-300",
            "1:7-7",
            "1:100-100",
            "backup_incr_0001.wal is missing",
        ),
        (
            "F7@100 I8@100-200 I9@200-300?",
            "1:7-8",
            "1:100-200",
            "backup_incr_0002.wal is damaged at byte 9: flipped",
        ),
        (
            "F7@100 I8@100-200 - I9@200-300",
            "1:7-8",
            "1:100-200",
            "the repository names nothing between backup_incr_0001.wal and backup_incr_0003.wal",
        ),
        ("F7@100! I8@100-200", "", "", ""),
        (
            "F7@100! I8@100-200 F9@250 I10@250-300",
            "1:9-10",
            "1:250-300",
            ANEW,
        ),
        // A second full backup, of the same log or of an unknown one.
        (
            "F7@100 I8@100-200 F8@200+ I9@200-300",
            "1:7-9",
            "1:100-300",
            "",
        ),
        ("F7@100 I8@100-200 F8@200+", "1:7-8", "1:100-200", ""),
        (
            "F7@100! I8@100-200 F8@200+ I9@200-300",
            "1:8-9",
            "1:200-300",
            "",
        ),
        (
            "F7@100 I8@100-200 F9@250 I10@250-300",
            "1:7-10",
            "1:100-200 1:250-300",
            ANEW,
        ),
        (
            "F7@100 I8@100-200 F2:7@100 I2:8@100-190",
            "1:7-8 2:7-8",
            "1:100-200 2:100-190",
            ANEW,
        ),
        // Where the log is captured further than the image, it ends there all the same.
        (
            "F7@100 I8-9@100-200 F8@150+ I10@200-300",
            "1:7-10",
            "1:100-300",
            "",
        ),
        // Nothing is reached through a full backup whose own increment is lost but its image.
        (
            "F7@100! I8-9@100-200 F8@150+ I9@150-200r! I10@200-300",
            "1:8-8",
            "1:150-150",
            "",
        ),
        (
            "F7@100! I8-9@100-200 F8@150+ I9@150-200r! I10@200-300 F9@250+ I10@250-300r I11@300-400",
            "1:8-11",
            "1:150-150 1:250-400",
            "",
        ),
        (
            "F7@100 I8-9@100-200 F8@150+ I9@150-200r! I10@200-300",
            "1:7-10",
            "1:100-300",
            "",
        ),
        (
            "F7@100 F9@200+ I8-10@100-300!",
            "1:7-7 1:9-9",
            "1:100-100 1:200-200",
            "backup_incr_0002.wal is missing",
        ),
        // One of which nothing is known may be of another log.
        (
            "F7@100 I8@100-200 F9@250x",
            "1:7-8",
            "1:100-200",
            "backup_full_0002.grafeo does not go on from the log before it; commits in between, if \
             any, are in no segment; backup_full_0002.grafeo is missing",
        ),
        // Encrypted commits have no points, and LSNs all the same.
        ("F7@100k", "1:7-7", "1:100-100", ""),
        ("F7@100k I@100-150ke", "1:7-7", "1:100-150", ""),
        ("F7@100k I@100-200k I@200-300k", "", "1:100-300", ""),
        (
            "F7@100k I@100-200k F9@300 I10@300-400",
            "1:9-10",
            "1:100-200 1:300-400",
            ANEW,
        ),
    ];
    for (text, points, lsns, expected) in rows {
        let chain = chain(text);
        assert_eq!(gaps(&chain), expected, "{text}");
        assert_eq!(restorable(&chain), points, "{text}");
        assert_eq!(restorable_lsns(&chain), lsns, "{text}");
        assert_eq!(chain.is_sealed(), text.contains("-200k"), "{text}");
    }
}

#[test]
fn gaps_of_generation_2_break_the_chain() {
    let rows = [
        "F7@100 I8@101-200",
        "F7@100 I8@100-200 I9@150-300d",
        "F7@100 I8@100-200! I9@200-300",
        "F7@100 I8@100-200 F9@250 I10@250-300",
    ];
    for text in rows {
        let gaps: Vec<_> = chain(text).gaps().collect();
        assert_eq!(gaps.len(), 1, "{text}");
        assert_eq!(gaps[0].cause.code(), "chain-broken", "{text}");
        assert!(gaps[0].cause.file().is_some(), "{text}");
    }
}

#[test]
fn entries_know_their_generation() {
    let chain = chain("F7@100 I8@100-200 I@200-200eu I9@200-300x");
    for entry in chain.entries() {
        assert_eq!(
            entry.generation(),
            Some(Generation::Two),
            "{}",
            entry.segment.file
        );
    }
}
