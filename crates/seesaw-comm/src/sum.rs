//! Sums of numbered vectors over all ranks, whose bits do not depend on how many ranks there are.

use half::bf16;

use crate::{
    CommError, Group, Incoming, Outgoing,
    tree::{Node, nodes, share},
};

/// What numbers are between ranks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Wire {
    /// As they are.
    #[default]
    F32,
    /// Rounded to 16 bits, which halves the bytes. Sums then depend on the number of ranks.
    Bf16,
}

/// The sum of numbered vectors that several ranks hold.
///
/// Vectors are added in a binary tree over their numbers: 0 and 1, 2 and 3, then these two sums, and so
/// on. With up to three vectors, that is one after another.
#[derive(Debug)]
pub struct TreeSum {
    len: usize,
    wire: Wire,
    /// What this rank has so far: nodes of the tree in order.
    nodes: Vec<(Node, Vec<f32>)>,
    /// Vectors to be used again.
    spare: Vec<Vec<f32>>,
    sending: Vec<u8>,
    receiving: Vec<u8>,
}

impl TreeSum {
    /// No vectors yet, of `len` numbers each.
    pub fn new(len: usize, wire: Wire) -> Self {
        let (nodes, spare) = (Vec::new(), Vec::new());
        Self { len, wire, nodes, spare, sending: Vec::new(), receiving: Vec::new() }
    }

    /// Adds the vector of that number. A rank adds consecutive ones.
    ///
    /// The vector is taken without a copy; `values` then holds other numbers, to be overwritten.
    ///
    /// # Panics
    /// When the vector has another length, or does not follow the one before.
    pub fn push(&mut self, number: usize, values: &mut Vec<f32>) {
        assert_eq!(values.len(), self.len, "vectors of one length");
        let follows = self.nodes.last().is_none_or(|(last, _)| last.first + last.width == number);
        assert!(follows, "consecutive vectors");
        let spare = self.spare.pop().unwrap_or_else(|| vec![0.0; self.len]);
        self.nodes.push((Node::leaf(number), std::mem::replace(values, spare)));
        self.merge(None);
    }

    /// How many vectors this rank has added since the last sum.
    pub fn vectors(&self) -> usize {
        match (self.nodes.first(), self.nodes.last()) {
            (Some((first, _)), Some((last, _))) => last.first + last.width - first.first,
            _ => 0,
        }
    }

    /// Forgets all vectors.
    pub fn clear(&mut self) {
        self.spare.extend(self.nodes.drain(..).map(|(_, values)| values));
    }

    /// The sum of the vectors of this rank alone, numbered from 0; the next vector starts another sum.
    ///
    /// # Panics
    /// When there are none, or the first is not number 0.
    pub fn total(&mut self) -> &mut [f32] {
        self.merge(Some(self.vectors()));
        let [(Node { first: 0, .. }, _)] = self.nodes[..] else {
            panic!("vectors from number 0 on have one sum");
        };
        self.clear();
        self.spare.last_mut().expect("the sum was just put there")
    }

    /// The sum of the `total` vectors of all ranks, of which each holds its [`share`]; the next vector
    /// starts another sum. Every rank gets the same bits.
    ///
    /// # Errors
    /// As [`Group::all_to_all`].
    ///
    /// # Panics
    /// When there are no vectors, or this rank does not hold its share.
    pub fn reduce(&mut self, group: &dyn Group, total: usize) -> Result<&mut [f32], CommError> {
        let (rank, ranks) = (group.rank(), group.ranks());
        assert!(total > 0, "a sum of at least one vector");
        self.merge(Some(total));
        let own = self.nodes.iter().map(|(node, _)| *node);
        assert!(own.eq(nodes(share(total, rank, ranks), total)), "the share of rank {rank}");
        self.exchange(group, total)?;
        let slice = share(self.len, rank, ranks);
        let mut sum = self.add_received(slice.len(), total, ranks);
        self.clear();
        let sum_bytes = match self.wire {
            Wire::F32 => bytemuck::cast_slice(&sum[..]),
            Wire::Bf16 => {
                self.sending.resize(2 * slice.len(), 0);
                round(&sum, &mut self.sending);
                &self.sending[..]
            }
        };
        let number = self.wire.bytes();
        let lens: Vec<usize> =
            (0..ranks).map(|rank| number * share(self.len, rank, ranks).len()).collect();
        let mut all = self.spare.pop().unwrap_or_else(|| vec![0.0; self.len]);
        match self.wire {
            Wire::F32 => {
                let bytes = bytemuck::cast_slice_mut(&mut all[..]);
                group.all_gather(sum_bytes, Incoming { bytes, lens: &lens })?;
            }
            Wire::Bf16 => {
                self.receiving.resize(number * self.len, 0);
                let bytes = &mut self.receiving[..];
                group.all_gather(sum_bytes, Incoming { bytes, lens: &lens })?;
                widen(&self.receiving, &mut all);
            }
        }
        sum.clear();
        self.spare.push(all);
        Ok(self.spare.last_mut().expect("the sum was just put there"))
    }

    /// Sends each rank its slice of this rank's nodes, and receives this rank's slice of all nodes.
    fn exchange(&mut self, group: &dyn Group, total: usize) -> Result<(), CommError> {
        let (rank, ranks) = (group.rank(), group.ranks());
        let (own, number) = (self.nodes.len(), self.wire.bytes());
        let slices = (0..ranks).map(|rank| share(self.len, rank, ranks));
        let sent: Vec<usize> = slices.clone().map(|slice| own * number * slice.len()).collect();
        let own_slice = share(self.len, rank, ranks).len();
        let received = |rank| nodes(share(total, rank, ranks), total).len() * number * own_slice;
        let received: Vec<usize> = (0..ranks).map(received).collect();
        self.receiving.resize(received.iter().sum(), 0);
        let bytes = match (&self.nodes[..], self.wire) {
            // The slices of one vector already follow each other.
            ([(_, values)], Wire::F32) => bytemuck::cast_slice(values),
            (nodes, wire) => {
                self.sending.resize(sent.iter().sum(), 0);
                let parts = slices
                    .flat_map(|slice| nodes.iter().map(move |(_, values)| &values[slice.clone()]));
                let mut room = &mut self.sending[..];
                for part in parts {
                    let (now, rest) = room.split_at_mut(number * part.len());
                    match wire {
                        Wire::F32 => now.copy_from_slice(bytemuck::cast_slice(part)),
                        Wire::Bf16 => round(part, now),
                    }
                    room = rest;
                }
                &self.sending[..]
            }
        };
        let receive = Incoming { bytes: &mut self.receiving, lens: &received };
        group.all_to_all(Outgoing { bytes, lens: &sent }, receive)
    }

    /// Adds what was received: slices of `len` numbers of all nodes, in their order.
    fn add_received(&self, len: usize, total: usize, ranks: usize) -> Vec<f32> {
        let nodes = (0..ranks).flat_map(|rank| nodes(share(total, rank, ranks), total));
        if len == 0 {
            return Vec::new();
        }
        let parts = self.receiving.chunks_exact(self.wire.bytes() * len);
        let mut stack: Vec<(Node, Vec<f32>)> = Vec::new();
        for (node, part) in nodes.zip(parts) {
            let mut values = vec![0.0; len];
            match self.wire {
                Wire::F32 => bytemuck::cast_slice_mut(&mut values[..]).copy_from_slice(part),
                Wire::Bf16 => widen(part, &mut values),
            }
            stack.push((node, values));
            merge(&mut stack, Some(total), &mut Vec::new());
        }
        let (_, sum) = stack.pop().expect("there is at least one vector");
        assert!(stack.is_empty(), "the nodes of all ranks are the whole tree");
        sum
    }

    fn merge(&mut self, total: Option<usize>) {
        merge(&mut self.nodes, total, &mut self.spare);
    }
}

/// Adds the last nodes of a list as long as they are halves of a node.
fn merge(nodes: &mut Vec<(Node, Vec<f32>)>, total: Option<usize>, spare: &mut Vec<Vec<f32>>) {
    while let [.., (left, sum), (right, values)] = &mut nodes[..]
        && let Some(parent) = left.parent(*right, total)
    {
        sum.iter_mut().zip(&*values).for_each(|(sum, value)| *sum += value);
        *left = parent;
        spare.extend(nodes.pop().map(|(_, values)| values));
    }
}

impl Wire {
    /// Bytes of a number.
    fn bytes(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::Bf16 => 2,
        }
    }
}

/// Writes numbers rounded to bf16.
fn round(values: &[f32], bytes: &mut [u8]) {
    for (value, bytes) in values.iter().zip(bytes.as_chunks_mut().0) {
        *bytes = bf16::from_f32(*value).to_ne_bytes();
    }
}

/// Reads numbers in bf16.
fn widen(bytes: &[u8], values: &mut [f32]) {
    for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
        *value = bf16::from_ne_bytes(*bytes).to_f32();
    }
}
