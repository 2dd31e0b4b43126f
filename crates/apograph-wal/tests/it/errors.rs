//! What the defects of a log say.

use apograph_format::{Code, Epoch, Lsn, TransactionId, v1, v2};
use apograph_testing::errors::told;
use apograph_wal::{GroupDefect, LogDefect};

#[test]
fn a_defect_has_the_code_of_what_it_is_of() {
    let transaction = TransactionId::new(3);
    let rows = [
        (v1::FrameDefect::Empty.into(), Code::Malformed),
        (
            LogDefect::StrayEpoch {
                epoch: Epoch::new(3),
            },
            Code::Malformed,
        ),
        (
            v2::FrameDefect::UnknownFlags { bits: 9 }.into(),
            Code::UnsupportedVersion,
        ),
        (
            v2::FrameDefect::TooLong { length: 9 }.into(),
            Code::Malformed,
        ),
        (
            v2::RecordDefect::UnknownFlags { flags: 9 }.into(),
            Code::UnsupportedVersion,
        ),
        (v2::RecordDefect::KindZero.into(), Code::Malformed),
        (
            GroupDefect::NotFirst { transaction }.into(),
            Code::Malformed,
        ),
        (GroupDefect::Interrupted.into(), Code::Malformed),
        (GroupDefect::NoPrologue.into(), Code::TooShort),
        (
            GroupDefect::SyncedAhead {
                synced: Lsn::new(9),
            }
            .into(),
            Code::Malformed,
        ),
        (GroupDefect::CutOff.into(), Code::Malformed),
    ];
    for (defect, code) in rows {
        let words = told(&defect);
        assert_eq!(defect.code(), code, "{words}");
        assert_eq!(
            defect.is_unsupported(),
            code == Code::UnsupportedVersion,
            "{words}"
        );
    }
}
