//! Reading images of a packed data set before they are needed.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use super::{Dataset, packed::Packed};

/// Bytes between two images that are read along rather than skipped: a disk takes as long to skip them.
const GAP: u64 = 256 << 10;
/// Bytes that are read at a time.
const PIECE: u64 = 1 << 20;
/// Threads that read, so that a disk or server has several requests to choose from.
const THREADS: usize = 4;

/// A range of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Span {
    shard: u32,
    start: u64,
    end: u64,
}

impl Dataset {
    /// Reads the bytes of these images in the order in which they are stored, so that they are in the
    /// system's memory when they are needed. Does nothing for images that are in the program's memory or
    /// not packed. Errors are left to whoever needs the image.
    ///
    /// # Panics
    /// Where an index is out of range.
    pub fn read_ahead(
        &self,
        indices: impl Iterator<Item = usize>,
        stop: &(dyn Fn() -> bool + Sync),
    ) {
        let items = indices.map(|index| &self.items[index]);
        let needed = items.filter(|item| item.image.get().is_none());
        let packed: Vec<&Packed> = needed.filter_map(|item| item.as_packed()).collect();
        let Some(first) = packed.first() else { return };
        let spans: Vec<Span> = packed
            .iter()
            .filter_map(|packed| packed.range())
            .map(|(shard, start, bytes)| Span { shard, start, end: start + bytes })
            .collect();
        let pieces = pieces(spans);
        let next = AtomicUsize::new(0);
        let work = || {
            let mut buffer = vec![0; PIECE as usize];
            while let Some(piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) {
                if stop() {
                    return;
                }
                let buffer = &mut buffer[..(piece.end - piece.start) as usize];
                // Whoever reads the image finds the same error and reports it.
                let _ = first.shards().read_at(piece.shard, buffer, piece.start);
            }
        };
        thread::scope(|scope| {
            for _ in 1..THREADS.min(pieces.len()) {
                scope.spawn(work);
            }
            work();
        });
    }

    /// Bytes that reading an image takes, where it is packed and not in the program's memory; 0 elsewhere.
    ///
    /// # Panics
    /// Where the index is out of range.
    pub(crate) fn unread_bytes(&self, index: usize) -> u64 {
        let item = &self.items[index];
        let range = item.as_packed().filter(|_| item.image.get().is_none()).and_then(Packed::range);
        range.map_or(0, |(_, _, bytes)| bytes)
    }

    /// Whether the data set is packed.
    pub(crate) fn is_packed(&self) -> bool {
        self.items.first().is_some_and(|item| item.as_packed().is_some())
    }

    /// The indices of the images in the order in which they are stored, with the bytes of each.
    pub(crate) fn stored_images(&self) -> Vec<(u32, u64)> {
        let bytes = |index: usize| {
            let range = self.items[index].as_packed().and_then(Packed::range);
            range.map_or(0, |(_, _, bytes)| bytes)
        };
        let mut order: Vec<usize> = (0..self.items.len()).collect();
        order.sort_by_key(|&index| self.items[index].as_packed().map(Packed::position));
        order.into_iter().map(|index| (index as u32, bytes(index))).collect()
    }
}

/// The spans in their order, those close to each other joined, and in pieces.
fn pieces(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable_by_key(|span| (span.shard, span.start));
    let mut joined: Vec<Span> = vec![];
    for span in spans {
        match joined.last_mut() {
            Some(last)
                if last.shard == span.shard && span.start <= last.end.saturating_add(GAP) =>
            {
                last.end = last.end.max(span.end);
            }
            _ => joined.push(span),
        }
    }
    let cut = |span: Span| {
        let starts = (span.start..span.end).step_by(PIECE as usize);
        starts.map(move |start| Span { start, end: span.end.min(start + PIECE), ..span })
    };
    joined.into_iter().flat_map(cut).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_spans_are_joined_and_long_ones_cut() {
        let span = |shard, start, end| Span { shard, start, end };
        assert_eq!(pieces(vec![]), []);
        let spans = vec![
            span(1, 0, 10),
            span(0, GAP + 30, GAP + 40),
            span(0, 5, 10),
            span(0, 20, 30),
            span(0, 3 * GAP, 3 * GAP + PIECE + 1),
            span(0, 3 * GAP, 3 * GAP + 7),
        ];
        let expected = [
            span(0, 5, GAP + 40),
            span(0, 3 * GAP, 3 * GAP + PIECE),
            span(0, 3 * GAP + PIECE, 3 * GAP + PIECE + 1),
            span(1, 0, 10),
        ];
        assert_eq!(pieces(spans), expected);
    }
}
