//! Objects in an object store, which is a stand-in with mishaps.

use std::error::Error;
use std::iter;
use std::net::TcpListener;
use std::time::Instant;

use apograph_store::format::{Code, WithCauses};
use apograph_store::{CloudStore, Created, RemoteError, Result, Store, StoreError};
use apograph_testing::store::contract::{name, names};
use apograph_testing::store::stand_in::{Mishap, SECRET, StandIn};

/// As an address is written.
const ADDRESS: &str = "s3://bucket/some/prefix";

pub(crate) fn open(server: &StandIn) -> CloudStore {
    CloudStore::open_with(ADDRESS, server.settings()).expect("a store")
}

/// The store of a server without mishaps.
pub(crate) fn with_cloud_store(act: impl FnOnce(&dyn Store)) {
    let server = StandIn::start();
    act(&open(&server));
}

/// All that an error says, to people and to programmers. Nothing secret is in it.
fn told(error: &StoreError) -> String {
    let first: &(dyn Error + 'static) = error;
    let chain = iter::successors(Some(first), |error: &&(dyn Error + 'static)| {
        (*error).source()
    });
    for error in chain {
        for text in [format!("{error}"), format!("{error:?}")] {
            assert!(!text.contains(SECRET), "{text}");
            assert!(!text.contains("AKID"), "{text}");
        }
    }
    WithCauses(error).to_string()
}

/// What a create comes to after a mishap, and how often it is asked for.
#[test]
fn a_create_knows_its_own_object() {
    for (mishap, creates) in [
        (Mishap::Says(500), 2),
        (Mishap::DoesAndSays(500), 2),
        (Mishap::DoesAndSays(503), 2),
        (Mishap::HangsUp, 2),
        (Mishap::DoesAndHangsUp, 2),
        (Mishap::Says(409), 2),
        (Mishap::DoesAndSays(409), 1),
        (Mishap::DoesAndSays(412), 1),
        (Mishap::Says(412), 2),
        (Mishap::Says(429), 2),
    ] {
        let server = StandIn::start().with("PUT", 0, mishap);
        let store = open(&server);
        let created = store.create(&name("x/1"), b"ours").unwrap();
        assert_eq!(created, Created::New, "{mishap:?}");
        let asked = server.asked();
        let puts = asked.iter().filter(|kind| *kind == "PUT").count();
        assert_eq!(puts, creates, "{mishap:?}: {asked:?}");
        let again = store.create(&name("x/1"), b"theirs").unwrap();
        assert_eq!(again, Created::Taken, "{mishap:?}");
        let found = server.object("some/prefix/x/1").unwrap();
        assert_eq!(found, b"ours", "{mishap:?}");
    }
}

#[test]
fn a_create_knows_anothers_object() {
    for theirs in [&b"them"[..], b"theirs", b""] {
        for mishap in [Mishap::Says(500), Mishap::HangsUp, Mishap::Says(409)] {
            let server = StandIn::start().with("PUT", 0, mishap);
            server.place("some/prefix/x/1", theirs);
            let created = open(&server).create(&name("x/1"), b"ours").unwrap();
            assert_eq!(created, Created::Taken, "{mishap:?}");
            assert_eq!(server.object("some/prefix/x/1").unwrap(), theirs);
        }
    }
}

#[test]
fn a_create_gives_up_where_a_name_is_taken_by_nothing() {
    let server = (0..4).fold(StandIn::start(), |server, index| {
        server.with("PUT", index, Mishap::Says(412))
    });
    let error = open(&server).create(&name("x/1"), b"ours").unwrap_err();
    assert_eq!(
        told(&error),
        "cannot create s3://bucket/some/prefix/x/1: the store refuses it: status 412, Mishap"
    );
    assert_eq!(server.asked(), ["PUT", "GET"].repeat(4));
}

#[test]
fn what_can_be_repeated_is_repeated() {
    for mishap in [Mishap::Says(503), Mishap::HangsUp, Mishap::SendsHalf] {
        let server = StandIn::start();
        server.place("some/prefix/x/1", b"0123456789");
        let server = ["GET", "HEAD", "GET list", "DELETE"]
            .iter()
            .fold(server, |server, kind| server.with(kind, 0, mishap));
        let store = open(&server);
        let x = name("x/1");
        let check = |ok: bool, what: &str| assert!(ok, "{what} after {mishap:?}");
        check(
            store.read(&x, 99).unwrap().unwrap() == b"0123456789",
            "read",
        );
        check(store.size(&x).unwrap() == Some(10), "size");
        let listed = store.list("x", None).unwrap().collect::<Result<Vec<_>>>();
        // Half of a list is not asked for again by the library, and an error.
        let is_whole = listed.is_ok_and(|listed| listed.len() == 1);
        check(is_whole || mishap == Mishap::SendsHalf, "list");
        store.delete(&x).unwrap();
        check(store.size(&x).unwrap().is_none(), "delete");
    }
}

#[test]
fn half_of_a_body_is_none() {
    let server = StandIn::start()
        .with("GET", 0, Mishap::SendsHalf)
        .with("GET", 1, Mishap::SaysHalf)
        .with("GET", 2, Mishap::SaysHalf);
    server.place("some/prefix/x", b"0123456789");
    let store = open(&server);
    let error = store.read_range(&name("x"), 2..8).err();
    let is_short = |error: &StoreError| matches!(error, StoreError::EndedEarly { end: 8, .. });
    assert!(error.as_ref().is_none_or(is_short), "{error:?}");
    let error = store.read_range(&name("x"), 2..8).err();
    assert!(error.as_ref().is_none_or(is_short), "{error:?}");
}

#[test]
fn parts_of_an_upload_are_repeated_and_its_end_is_known() {
    let bytes = vec![7; (20 << 20) + 1];
    for (kind, index, mishap) in [
        ("PUT part", 1, Mishap::Says(500)),
        ("PUT part", 2, Mishap::DoesAndHangsUp),
        ("POST begin", 0, Mishap::Says(503)),
        ("POST upload", 0, Mishap::Says(500)),
        ("POST upload", 0, Mishap::DoesAndSays(500)),
        ("POST upload", 0, Mishap::DoesAndHangsUp),
        ("PUT", 0, Mishap::Says(500)),
    ] {
        let server = StandIn::start().with(kind, index, mishap);
        let store = open(&server);
        let mut upload = store.upload(&name("x")).unwrap();
        upload.write(&bytes).unwrap();
        upload.finish().unwrap();
        let found = server.object("some/prefix/x").unwrap();
        assert!(found == bytes, "{kind} {mishap:?}");
        let mut small = store.upload(&name("small")).unwrap();
        small.write(b"1").unwrap();
        small.finish().unwrap();
        assert_eq!(server.object("some/prefix/small").unwrap(), b"1");
        assert_eq!(server.unfinished(), 0, "{kind} {mishap:?}");
    }
}

/// Three parts are on their way at once, and the fourth is sent once the first is there.
#[test]
fn some_parts_of_an_upload_are_on_their_way_at_once() {
    let server = StandIn::start().with("PUT part", 0, Mishap::WaitsFor(3));
    let store = open(&server);
    let bytes = vec![7; 48 << 20];
    let mut upload = store.upload(&name("x")).unwrap();
    upload.write(&bytes).unwrap();
    upload.finish().unwrap();
    assert!(server.object("some/prefix/x").unwrap() == bytes);
    assert_eq!(server.waited(), [3]);
    let asked = server.asked();
    assert_eq!(asked.iter().filter(|kind| *kind == "PUT part").count(), 6);
}

#[test]
fn an_upload_that_fails_or_is_dropped_is_ended() {
    let bytes = vec![7; 20 << 20];
    let server = StandIn::start();
    let store = open(&server);
    let mut upload = store.upload(&name("x")).unwrap();
    upload.write(&bytes).unwrap();
    assert_eq!(server.unfinished(), 1);
    drop(upload);
    assert_eq!(server.unfinished(), 0);

    let server = StandIn::start().with("PUT part", 0, Mishap::Says(403));
    let store = open(&server);
    let mut upload = store.upload(&name("x")).unwrap();
    upload.write(&bytes).unwrap();
    let error = upload.finish().unwrap_err();
    assert_eq!(error.code(), Code::AccessDenied, "{}", told(&error));
    assert_eq!(server.unfinished(), 0);
    assert_eq!(server.object("some/prefix/x"), None);
    assert!(server.asked().contains(&"DELETE upload".to_owned()));
}

#[test]
fn errors_have_a_code_and_no_secret() {
    let rows = [
        (
            403,
            Code::AccessDenied,
            "access is denied: status 403, Mishap",
        ),
        (
            401,
            Code::AccessDenied,
            "access is denied: status 401, Mishap",
        ),
        (400, Code::Io, "the store refuses it: status 400, Mishap"),
        (501, Code::StoreUnreachable, "status 501, Mishap"),
    ];
    for (status, code, text) in rows {
        let server = (0..8).fold(StandIn::start(), |server, index| {
            server.with("GET", index, Mishap::Says(status))
        });
        let error = open(&server).read(&name("x"), 99).unwrap_err();
        assert_eq!(error.code(), code, "{status}");
        let expected = format!("cannot read s3://bucket/some/prefix/x: {text}");
        assert!(told(&error).starts_with(&expected), "{}", told(&error));
    }
}

#[test]
fn a_limit_of_retries_is_told() {
    let server = (0..8).fold(StandIn::start(), |server, index| {
        server.with("GET list", index, Mishap::Says(503))
    });
    let store = open(&server);
    let error = store.list("x", None).unwrap().next().unwrap().unwrap_err();
    assert_eq!(
        told(&error),
        "cannot list s3://bucket/some/prefix/x: status 503, Mishap (what can be repeated was \
         repeated, at most 6 times and for 120 s)"
    );
    assert_eq!(server.asked().len(), 7);
}

#[test]
fn a_place_that_does_not_answer_is_unreachable() {
    let begun = Instant::now();
    // A port that nobody listens at any more.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let server = (0..8).fold(StandIn::start(), |server, index| {
        server.with("GET", index, Mishap::Hangs)
    });
    let silent = server.settings();
    let with = |settings: &[(String, String)], key: &str, value: &str| {
        let others = settings.iter().filter(|(name, _)| name != key).cloned();
        let own = (key.to_owned(), value.to_owned());
        others.chain([own]).collect::<Vec<_>>()
    };
    for (settings, text) in [
        (with(&silent, "AWS_ENDPOINT", &nobody), "Connection refused"),
        (
            with(&silent, "AWS_TIMEOUT", "100ms"),
            "no answer comes in time",
        ),
    ] {
        let store = CloudStore::open_with(ADDRESS, settings).unwrap();
        let error = store.read(&name("x"), 99).unwrap_err();
        assert_eq!(error.code(), Code::StoreUnreachable);
        let expected = format!("cannot read s3://bucket/some/prefix/x: {text}");
        assert!(told(&error).starts_with(&expected), "{}", told(&error));
    }
    assert!(begun.elapsed().as_secs() < 100);
}

#[test]
fn a_bucket_that_is_not_there_is_no_empty_one() {
    let server = StandIn::start();
    let store = CloudStore::open_with("s3://other", server.settings()).unwrap();
    let error = store.read(&name("x"), 99).unwrap_err();
    assert!(
        matches!(
            error,
            StoreError::Remote {
                source: RemoteError::NoBucket,
                ..
            }
        ),
        "{}",
        told(&error)
    );
}

#[test]
fn an_address_has_no_credentials() {
    for text in [
        "",
        "s3://",
        "s3:///x",
        "http://bucket/x",
        "s3://bucket//x",
        "s3://bucket/../x",
        "s3://AKID:SecretThatNobodySees@bucket/x",
        "az://container/x?sig=SecretThatNobodySees",
        "gs://bucket/x#y",
    ] {
        let error = CloudStore::open_with(text, []).unwrap_err();
        assert_eq!(error.code(), Code::Usage, "{text}");
        assert!(told(&error).contains("s3://BUCKET/PREFIX"));
    }
    let server = StandIn::start();
    for (number, place, text) in [
        ("1", "s3://bucket", "s3://bucket"),
        ("2", "s3://bucket", "s3://bucket/"),
        ("3", "s3://bucket/a/b", "s3://bucket/a/b/"),
    ] {
        let store = CloudStore::open_with(text, server.settings()).unwrap();
        assert_eq!(store.place(), place);
        let debug = format!("{store:?}");
        assert!(debug.contains(place) && !debug.contains(SECRET), "{debug}");
        store.create(&name(number), text.as_bytes()).unwrap();
        let key = format!("{place}/{number}");
        let key = key.strip_prefix("s3://bucket").unwrap();
        let found = server.object(key.trim_start_matches('/'));
        assert_eq!(found.unwrap(), text.as_bytes());
    }
}

#[test]
fn settings_that_cannot_be_understood_are_not_repeated() {
    let settings = [
        ("AZURE_STORAGE_ACCOUNT_NAME", "account"),
        ("AZURE_STORAGE_ACCOUNT_KEY", "SecretThatNobodySees!"),
        ("AZURE_ALLOW_HTTP", "SecretThatNobodySees"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    for most in 1..=settings.len() {
        let opened = CloudStore::open_with("az://container/x", settings[..most].to_vec());
        if let Err(error) = opened {
            assert_eq!(error.code(), Code::Usage);
            told(&error);
        }
    }
    let account = CloudStore::open_with("az://container/x", []).unwrap_err();
    assert!(told(&account).contains("ccount"), "{}", told(&account));
}

#[test]
fn what_is_no_object_is_not_listed() {
    let server = StandIn::start();
    for key in ["x/.clock-1", "x/a b", "x/1", "x/2/3", "other/1"] {
        server.place(&format!("some/prefix/{key}"), b"");
    }
    let store = open(&server);
    store.now().unwrap();
    assert_eq!(names(&store, "x", None), ["x/1"]);
    assert_eq!(names(&store, "", None), [""; 0]);
    assert_eq!(server.object("some/prefix/x/a b"), Some(Vec::new()));
}
