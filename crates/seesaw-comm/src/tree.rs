//! The order in which numbered vectors are added: a binary tree over their numbers.
//!
//! Pairs are added, then pairs of pairs, and so on; where the count is no power of two, the last node
//! of a level has less below it. The tree depends on how many vectors there are, and on nothing else.
//! A rank holds consecutive vectors. It can add those that make whole nodes of the tree, and sends one
//! vector for each of the largest such nodes; what remains of the tree is added elsewhere.

use std::ops::Range;

/// A node: the sum of the vectors with these numbers. Its first number is a multiple of its `width`, and
/// it has that many vectors, or as many as there are from there on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node {
    pub first: usize,
    /// A power of two.
    pub width: usize,
}

impl Node {
    /// The node of one vector.
    pub fn leaf(number: usize) -> Self {
        Self { first: number, width: 1 }
    }

    /// The node that this one is the left half of, and `right` the right half; `None` where they are
    /// no such pair, or where `right` lacks vectors. `total` is how many vectors there are, once that
    /// is known.
    pub fn parent(self, right: Self, total: Option<usize>) -> Option<Self> {
        let is_left = self.first.is_multiple_of(2 * self.width);
        let follows = right.first == self.first + self.width;
        let ends = total.is_some_and(|total| right.first + right.width >= total);
        let whole = right.width == self.width || ends;
        (is_left && follows && whole).then_some(Self { first: self.first, width: 2 * self.width })
    }
}

/// The vectors that a rank holds of `total`, in consecutive shares that differ by at most one: ranks of
/// low number have the larger ones.
pub fn share(total: usize, rank: usize, ranks: usize) -> Range<usize> {
    let (each, rest) = (total / ranks, total % ranks);
    let start = |rank: usize| rank * each + rank.min(rest);
    start(rank)..start(rank + 1)
}

/// The largest nodes that consist of these vectors alone, in order.
pub(crate) fn nodes(share: Range<usize>, total: usize) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    for number in share {
        nodes.push(Node::leaf(number));
        while let [.., left, right] = nodes[..]
            && let Some(parent) = left.parent(right, Some(total))
        {
            nodes.truncate(nodes.len() - 2);
            nodes.push(parent);
        }
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sum of a node as brackets, by the definition.
    fn bracket(first: usize, width: usize, total: usize) -> String {
        if width == 1 {
            return first.to_string();
        }
        let left = bracket(first, width / 2, total);
        let middle = first + width / 2;
        if middle >= total {
            return left;
        }
        format!("({left}+{})", bracket(middle, width / 2, total))
    }

    /// The brackets of nodes that are added as ranks do it.
    fn added(total: usize, ranks: usize) -> String {
        let mut stack: Vec<(Node, String)> = Vec::new();
        let all = (0..ranks).flat_map(|rank| nodes(share(total, rank, ranks), total));
        for node in all {
            stack.push((node, bracket(node.first, node.width, total)));
            while let [.., (left, _), (right, _)] = stack[..]
                && let Some(parent) = left.parent(right, Some(total))
            {
                let (_, right) = stack.pop().unwrap();
                let (_, left) = stack.pop().unwrap();
                stack.push((parent, format!("({left}+{right})")));
            }
        }
        assert_eq!(stack.len(), 1, "{total} vectors on {ranks} ranks: {stack:?}");
        stack.pop().unwrap().1
    }

    #[test]
    fn every_number_of_ranks_makes_the_same_brackets() {
        for total in 1..=40usize {
            let expected = bracket(0, total.next_power_of_two(), total);
            for ranks in 1..=total + 3 {
                assert_eq!(added(total, ranks), expected, "{total} vectors on {ranks} ranks");
            }
        }
        assert_eq!(added(7, 3), "(((0+1)+(2+3))+((4+5)+6))");
    }

    #[test]
    fn up_to_three_are_added_one_by_one() {
        assert_eq!([1, 2, 3].map(|total| added(total, 2)), ["0", "(0+1)", "((0+1)+2)"]);
    }

    #[test]
    fn aligned_shares_are_one_node() {
        for (total, ranks) in [(8, 2), (8, 4), (8, 8), (16, 4), (6, 1), (12, 3)] {
            for rank in 0..ranks {
                assert_eq!(nodes(share(total, rank, ranks), total).len(), 1, "{total} {ranks}");
            }
        }
        let first = |rank| nodes(share(8, rank, 3), 8).len();
        assert_eq!([0, 1, 2].map(first), [2, 2, 1]);
    }
}
