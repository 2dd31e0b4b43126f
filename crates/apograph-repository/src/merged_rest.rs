//! The rest of a merged increment: what a copy lacks of it that ends at one of its captures.

use apograph_format::FilePosition;
use apograph_io::{Context, Source, Steps, spool_error, sums};
use apograph_manifest::{
    Capture, Captures, ChainEntry, IncrementContent, IncrementOf, MergedIncrement, SegmentContent,
    SegmentRecord, Unusable,
};

use crate::check::{FileCheck, check_end};
use crate::merged_file::{MERGED, MergedFile};
use crate::same_history::Within;
use crate::segment::{IncrementFile, StoredFile};
use crate::segment_defect::SegmentDefect;
use crate::summary::Surroundings;
use crate::timelines::{are_same_spans, timeline_behind};

/// A chain that ends with some of the captures of a merged increment.
pub(crate) struct EndsWithin<'a> {
    /// The entries of the chain.
    pub(crate) there: &'a [ChainEntry],
    /// Those of the chain that it is the front of.
    pub(crate) from: &'a [ChainEntry],
    /// Where it ends.
    pub(crate) within: Within,
}

impl EndsWithin<'_> {
    /// What the chain lacks of the increment, as an increment that goes on where it ends.
    ///
    /// # Errors
    ///
    /// [`SegmentDefect::Unusable`], also where both together are not what the increment is said to
    /// hold.
    pub(crate) fn rest_of(
        &self,
        file: StoredFile,
        record: &SegmentRecord,
        context: Context<'_>,
    ) -> Result<(StoredFile, SegmentRecord), SegmentDefect> {
        let tail = self.there.get(self.within.first..).unwrap_or_default();
        let held = MergedIncrement::of(tail).ok_or_else(differs)?;
        let whole = self.from.get(self.within.whole.clone()).unwrap_or_default();
        let whole = MergedIncrement::of(whole).ok_or_else(differs)?;
        let SegmentContent::Increment(own) = &record.content else {
            return Err(differs().into());
        };
        let (before, behind) = own.captures.as_slice().split_at(self.within.capture + 1);
        let cut = before.last().map_or(0, |last| last.end);
        let mut rest = held.clone();
        rest.start_epoch = held.end_epoch.next().ok_or_else(differs)?;
        rest.end_epoch = record.segment.end_epoch;
        rest.content.commits = whole.content.commits.saturating_sub(held.content.commits);
        let cut_off = MergedFile::behind(&IncrementFile::of(file)?, cut, context)?;
        let cut_off = cut_off.finish(&rest).map_err(spool_error("write"))?;
        let file = StoredFile::of(Source::of(cut_off, MERGED.as_ref())?)?;
        let sums = sums(file.bytes(), context.again())?;
        let file = IncrementFile::of(file)?;
        let mut found = self.read(&file, own, context)?;
        if behind.len() > 1 {
            let behind = behind.iter().map(|capture| Capture {
                end: capture.end - cut,
                ..*capture
            });
            found.captures = Captures::from(behind.collect::<Vec<_>>());
        }
        let mut rest_record = record.clone();
        rest_record.segment.start_epoch = rest.start_epoch;
        rest_record.segment.checksum = sums.crc32;
        rest_record.segment.size_bytes = file.bytes().len() as u64;
        rest_record.hash = sums.blake3;
        rest_record.content = found.into();
        Self::check(tail, &rest_record, &whole.content)?;
        Ok((file.into_stored(), rest_record))
    }

    /// What is in the rest, which goes on in the timeline at the end of the chain.
    fn read(
        &self,
        file: &IncrementFile,
        own: &IncrementContent,
        context: Context<'_>,
    ) -> Result<IncrementContent, SegmentDefect> {
        let told = (&FileCheck::Later, &mut Steps::untold(context.monitor));
        let log = file.read_log(timeline_behind(self.there), 0, context, told, |_| Ok(()))?;
        check_end(log.end, &file.parts(0))?;
        let of = match (&own.of, file.range()) {
            (IncrementOf::Files(range), _) => IncrementOf::Files(self.end()?..range.end),
            (IncrementOf::Lsns(_), Some(range)) => IncrementOf::Lsns(range.into()),
            _ => IncrementOf::Unplaced,
        };
        let surroundings = Surroundings {
            of,
            overlap_bytes: 0,
            flags: file.header.flags,
        };
        Ok(log.summary.content(surroundings, &log.state))
    }

    /// Generation 1: where the chain ends in the log.
    fn end(&self) -> Result<FilePosition, Unusable> {
        match self.there.last().and_then(|last| last.content.as_ref()) {
            Some(SegmentContent::Increment(increment)) => match &increment.of {
                IncrementOf::Files(range) => Ok(range.end),
                _ => Err(differs()),
            },
            _ => Err(differs()),
        }
    }

    /// What the chain has and the rest together have to be what the increment is said to hold.
    fn check(
        tail: &[ChainEntry],
        rest: &SegmentRecord,
        expected: &IncrementContent,
    ) -> Result<(), Unusable> {
        let mut parts = tail.to_vec();
        parts.push(ChainEntry {
            segment: rest.segment.clone(),
            hash: Some(rest.hash),
            content: Some(rest.content.clone()),
            unusable: None,
            is_counted: true,
            hole: None,
        });
        let of = MergedIncrement::of(&parts).ok_or_else(differs)?;
        let mut found = IncrementContent {
            // A folder does not know all of them.
            captures: expected.captures.clone(),
            ..of.content
        };
        if are_same_spans(&expected.stretches, &found.stretches) {
            found.stretches.clone_from(&expected.stretches);
        }
        if found == *expected {
            Ok(())
        } else {
            Err(differs())
        }
    }
}

fn differs() -> Unusable {
    let detail = "cut at a capture, its commits are other ones than recorded";
    Unusable::damaged(0, detail)
}
