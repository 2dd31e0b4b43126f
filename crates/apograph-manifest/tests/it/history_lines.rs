//! The lines of `apograph.json`, byte by byte, as they are in repositories of both generations.

use apograph_format::Blake3;
use apograph_manifest::History;

use crate::history::sealed;

const HEAD: &str = r#"{"format":3}"#;

/// What backups of generation 1 wrote: a first full backup, an increment of its log, one of the
/// engine, whose place in the log nobody knows, and a full backup of a closed database.
const FIRST: [&str; 6] = [
    HEAD,
    r#"{"segments":[{"segment":{"kind":"full","file":"backup_full_0000.grafeo","start_epoch":0,"end_epoch":3,"checksum":"964adc73","size_bytes":28672,"created_at":1795246036640},"hash":"HASH","content":{"full":{"image":{"database_created_at":1795246036639,"iteration":1,"checksum":"8c8ab1a1","written_at":1795246036638},"base":{"timeline":1,"epoch":3},"continues":false,"log_start":{"file":{"sequence":1,"offset":0}}}},"verified":{"stamp":{"inode":77,"modified_ns":5,"changed_ns":6},"at":1795246036700,"frames_at":1795246036701}}]}"#,
    r#"{"segments":[{"segment":{"kind":"incremental","file":"backup_incr_0001.wal","start_epoch":4,"end_epoch":5,"checksum":"5dc658df","size_bytes":79,"created_at":1795246036649},"hash":"HASH","content":{"increment":{"range":{"start":{"file":{"sequence":1,"offset":0}},"end":{"file":{"sequence":2,"offset":47}}},"overlap_bytes":0,"continues":true,"repeats":false,"catches_up":true,"stretches":[{"timeline":1,"base":3,"opens":false,"epochs":[[4,4]],"transactions":[[5,5]]},{"timeline":2,"base":0,"opens":true,"epochs":[[1,2],[5,5]],"transactions":[]}],"process_ended":true,"commits":2,"records":3,"frames":7}}}]}"#,
    r#"{"segments":[{"segment":{"kind":"incremental","file":"backup_incr_0002.wal","start_epoch":6,"end_epoch":6,"checksum":"00000001","size_bytes":60,"created_at":1795246036650},"hash":"HASH","content":{"increment":{"range":null,"overlap_bytes":31,"repeats":false,"catches_up":false,"stretches":[],"process_ended":false,"commits":0,"records":0,"frames":1}},"is_uncounted":true}]}"#,
    r#"{"segments":[{"segment":{"kind":"full","file":"backup_full_0003.grafeo","start_epoch":0,"end_epoch":6,"checksum":"00000002","size_bytes":28672,"created_at":1795246036651},"hash":"HASH","content":{"full":{"image":{"database_created_at":1795246036639,"iteration":2,"checksum":"00000003","written_at":1795246036650},"base":{"timeline":3,"epoch":6},"continues":false,"log_start":null}},"damaged":{"stamp":{"inode":78,"modified_ns":5,"changed_ns":6},"at":1795246036700,"offset":12,"detail":"flipped"}}]}"#,
    r#"{"evidence":{"nonce":"00000070000000000000000000000001","segment":{"file":"backup_incr_0001.wal","hash":"HASH"},"end":{"file":{"sequence":2,"offset":47}},"image":{"database_created_at":1795246036639,"iteration":1,"checksum":"8c8ab1a1","written_at":1795246036638},"log":{"file":{"sequence":2,"length":47,"hash":"HASH"},"checkpoint":null,"newest":2,"pending":0,"marks":0,"is_older":false}}}"#,
];

/// Those of generation 2: a full backup, an increment with everything that one can have, an
/// encrypted one, a full backup that the next increment spans, and an increment that holds nothing.
const SECOND: [&str; 7] = [
    HEAD,
    r#"{"segments":[{"segment":{"kind":"full","file":"backup_full_0000.grafeo","start_epoch":0,"end_epoch":7,"checksum":"964adc73","size_bytes":16384,"created_at":1795246036640,"end_lsn":296},"hash":"HASH","content":{"full":{"image":{"database_created_at":1795246036639,"iteration":1,"checksum":"8c8ab1a1","written_at":1795246036638,"database":"0123456789abcdef0011223344556677"},"base":{"timeline":1,"epoch":7},"continues":false,"log_start":{"lsn":296}}}}]}"#,
    r#"{"segments":[{"segment":{"kind":"incremental","file":"backup_incr_0001.wal","start_epoch":8,"end_epoch":9,"checksum":"5dc658df","size_bytes":500,"created_at":1795246036649,"end_lsn":500},"hash":"HASH","content":{"increment":{"range":{"start":{"lsn":290},"end":{"lsn":500}},"committed":{"first":1795246036641,"last":1795246036645},"diverges":true,"overlap_bytes":6,"continues":true,"repeats":true,"catches_up":true,"spans":true,"stretches":[{"timeline":1,"base":7,"opens":false,"epochs":[[8,9]],"transactions":[]}],"process_ended":false,"commits":2,"records":3,"frames":2}}}]}"#,
    r#"{"segments":[{"segment":{"kind":"incremental","file":"backup_incr_0002.wal","start_epoch":9,"end_epoch":9,"checksum":"00000001","size_bytes":400,"created_at":1795246036650,"end_lsn":700},"hash":"HASH","content":{"increment":{"range":{"start":{"lsn":500},"end":{"lsn":700}},"is_encrypted":true,"overlap_bytes":0,"continues":true,"repeats":false,"catches_up":false,"stretches":[{"timeline":1,"base":7,"opens":false,"epochs":[],"transactions":[]}],"process_ended":false,"commits":1,"records":0,"frames":1}}}]}"#,
    r#"{"segments":[{"segment":{"kind":"full","file":"backup_full_0003.grafeo","start_epoch":0,"end_epoch":9,"checksum":"00000002","size_bytes":16384,"created_at":1795246036651,"end_lsn":700},"hash":"HASH","content":{"full":{"image":{"database_created_at":1795246036639,"iteration":2,"checksum":"00000003","written_at":1795246036650,"database":"0123456789abcdef0011223344556677","is_encrypted":true},"base":{"timeline":1,"epoch":9},"continues":true,"log_start":{"lsn":700},"spanned":true}}}]}"#,
    r#"{"segments":[{"segment":{"kind":"incremental","file":"backup_incr_0004.wal","start_epoch":9,"end_epoch":9,"checksum":"00000004","size_bytes":32,"created_at":1795246036652},"hash":"HASH","content":{"increment":{"range":null,"overlap_bytes":0,"repeats":false,"catches_up":false,"stretches":[],"process_ended":false,"commits":0,"records":0,"frames":0}}}]}"#,
    r#"{"evidence":{"nonce":"00000070000000000000000000000001","segment":{"file":"backup_incr_0002.wal","hash":"HASH"},"end":{"lsn":700},"image":{"database_created_at":1795246036639,"iteration":1,"checksum":"8c8ab1a1","written_at":1795246036638,"database":"0123456789abcdef0011223344556677","is_encrypted":true},"older_files":"HASH","folder":{"inode":9,"created_ns":-3}}}"#,
];

fn file(bodies: &[&str]) -> Vec<u8> {
    let hash = Blake3::of(b"a segment").to_string();
    let bodies = bodies.iter().map(|it| it.replace("HASH", &hash));
    let bodies: Vec<_> = bodies.collect();
    let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
    sealed(&bodies)
}

/// A record that mixes the fields of both generations is of no format that is known here: the file
/// ends before it.
#[test]
fn what_is_of_no_generation_is_no_record() {
    // The body, and what of it becomes what else.
    let rows: [(&str, &str, &str); 14] = [
        (
            FIRST[1],
            r#""sequence":1,"offset":0}}"#,
            r#""sequence":1,"offset":0}},"spanned":true"#,
        ),
        (
            FIRST[1],
            r#"{"file":{"sequence":1,"offset":0}}"#,
            r#"{"lsn":296}"#,
        ),
        (
            FIRST[4],
            r#""log_start":null"#,
            r#""log_start":null,"spanned":true"#,
        ),
        (SECOND[1], r#"{"lsn":296}"#, "null"),
        (
            SECOND[1],
            r#"{"lsn":296}"#,
            r#"{"file":{"sequence":1,"offset":0}}"#,
        ),
        (
            SECOND[1],
            r#","database":"0123456789abcdef0011223344556677""#,
            "",
        ),
        (
            FIRST[2],
            r#""repeats""#,
            r#""committed":{"first":1,"last":2},"repeats""#,
        ),
        (FIRST[2], r#""repeats""#, r#""is_encrypted":true,"repeats""#),
        (FIRST[2], r#""repeats""#, r#""diverges":true,"repeats""#),
        (FIRST[2], r#""repeats""#, r#""spans":true,"repeats""#),
        (
            FIRST[2],
            r#""end":{"file":{"sequence":2,"offset":47}}"#,
            r#""end":{"lsn":500}"#,
        ),
        (
            SECOND[2],
            r#""end":{"lsn":500}"#,
            r#""end":{"file":{"sequence":2,"offset":47}}"#,
        ),
        (
            SECOND[2],
            r#"{"start":{"lsn":290},"end":{"lsn":500}}"#,
            "null",
        ),
        (SECOND[5], r#""repeats""#, r#""spans":true,"repeats""#),
    ];
    for (body, from, to) in rows {
        assert!(History::decode(&file(&[HEAD, body])).is_some(), "{body}");
        let mixed = body.replacen(from, to, 1);
        assert_ne!(mixed, body, "{from}");
        assert_eq!(History::decode(&file(&[HEAD, &mixed])), None, "{mixed}");
    }
}

#[test]
fn what_is_read_is_written_to_the_byte() {
    for bodies in [&FIRST[..], &SECOND] {
        let expected = file(bodies);
        let history = History::decode(&expected).expect("a history");
        assert_eq!(history.records.len(), bodies.len() - 2);
        assert!(history.evidence.is_some());
        let text = |bytes| String::from_utf8(bytes).expect("text");
        assert_eq!(text(history.encode()), text(expected));
    }
}
