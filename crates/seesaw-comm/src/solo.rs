//! A rank without others.

use std::time::Duration;

use crate::{CommError, Group, Incoming, Outgoing, group::check_lens};

/// A group of one rank.
#[derive(Debug, Clone, Copy, Default)]
pub struct Solo;

impl Group for Solo {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        1
    }

    fn host(&self) -> String {
        String::new()
    }

    fn all_to_all(&self, send: Outgoing<'_>, receive: Incoming<'_>) -> Result<(), CommError> {
        check_lens("sent", send.bytes.len(), send.lens, 1);
        self.all_gather(send.bytes, receive)
    }

    fn all_gather(&self, send: &[u8], receive: Incoming<'_>) -> Result<(), CommError> {
        check_lens("received", receive.bytes.len(), receive.lens, 1);
        receive.bytes.copy_from_slice(send);
        Ok(())
    }

    fn broadcast(&self, root: usize, _: &mut [u8]) -> Result<(), CommError> {
        assert_eq!(root, 0, "there is one rank");
        Ok(())
    }

    fn barrier(&self) -> Result<(), CommError> {
        Ok(())
    }

    fn set_patience(&self, _: Option<Duration>) {}
}
