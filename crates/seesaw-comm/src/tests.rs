//! Groups of threads, and sums over them.

use std::{thread, time::Duration};

use super::*;

/// Runs `work` on each rank of a group of threads; the results in the order of the ranks.
fn on_ranks<T: Send>(ranks: usize, work: impl Fn(&dyn Group) -> T + Sync) -> Vec<T> {
    thread::scope(|scope| {
        let start = |group: Threads| {
            let work = &work;
            scope.spawn(move || work(&group))
        };
        let threads: Vec<_> = Threads::group(ranks).into_iter().map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Numbers whose sums differ with the order in which they are added.
fn vector(number: usize, len: usize) -> Vec<f32> {
    let value = |i: usize| {
        let bits = (number * 7919 + i * 104_729 + 1).wrapping_mul(2_654_435_761) % 65_536;
        (bits as f32 - 32_768.0) * 10f32.powi((bits % 7) as i32 - 3)
    };
    (0..len).map(value).collect()
}

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

/// The sum of `total` vectors over all ranks, on each of them.
fn sums(group: &dyn Group, total: usize, len: usize, wire: Wire) -> Vec<u32> {
    let mut sum = TreeSum::new(len, wire);
    let mut values = vec![0.0; len];
    // Twice, since buffers are used again.
    for round in [1, 0] {
        for number in share(total, group.rank(), group.ranks()) {
            values.copy_from_slice(&vector(number + 100 * round, len));
            sum.push(number, &mut values);
        }
        let all = bits(sum.reduce(group, total).unwrap());
        if round == 0 {
            return all;
        }
    }
    unreachable!("the last round returns")
}

#[test]
fn sums_do_not_depend_on_the_ranks() {
    for (total, len) in [(1, 5), (2, 1), (3, 64), (7, 33), (8, 100), (13, 1000)] {
        let mut alone = TreeSum::new(len, Wire::F32);
        for number in 0..total {
            alone.push(number, &mut vector(number, len));
        }
        assert_eq!(alone.vectors(), total);
        let expected = bits(alone.total());
        assert_eq!(alone.vectors(), 0);
        assert_eq!(sums(&Solo, total, len, Wire::F32), expected);
        for ranks in [1, 2, 3, 5, 8] {
            for sum in on_ranks(ranks, |group| sums(group, total, len, Wire::F32)) {
                assert_eq!(sum, expected, "{total} vectors of {len} on {ranks} ranks");
            }
        }
    }
}

#[test]
fn the_order_of_the_sum_matters() {
    let (total, len) = (8, 100);
    let mut serial = vec![0.0; len];
    for number in 0..total {
        serial.iter_mut().zip(vector(number, len)).for_each(|(sum, value)| *sum += value);
    }
    assert_ne!(sums(&Solo, total, len, Wire::F32), bits(&serial), "else the test tests nothing");
}

#[test]
fn sums_of_three_are_serial() {
    let len = 50;
    let add = |sum: &[f32], number: usize| -> Vec<f32> {
        sum.iter().zip(vector(number, len)).map(|(sum, value)| sum + value).collect()
    };
    let expected = add(&add(&vector(0, len), 1), 2);
    assert_eq!(sums(&Solo, 3, len, Wire::F32), bits(&expected));
}

#[test]
fn bf16_on_the_wire_is_near_and_the_same_on_all_ranks() {
    let (total, len) = (6, 77);
    let all = on_ranks(3, |group| sums(group, total, len, Wire::Bf16));
    assert!(all.iter().all(|sum| *sum == all[0]));
    let exact = sums(&Solo, total, len, Wire::F32);
    assert_ne!(all[0], exact);
    let largest =
        (0..total).flat_map(|number| vector(number, len)).fold(0f32, |a, b| a.max(b.abs()));
    for (rounded, exact) in all[0].iter().zip(exact) {
        let error = (f32::from_bits(*rounded) - f32::from_bits(exact)).abs();
        // Each of three parts, and the sum, is rounded to 8 bits.
        assert!(error <= 12.0 * largest / 256.0, "{error}");
    }
}

#[test]
fn bytes_go_where_they_should() {
    for ranks in [1, 2, 3, 5, 8] {
        on_ranks(ranks, |group| {
            let rank = group.rank();
            let text = |from: usize, to: usize| format!("{from}>{to}").repeat(to);
            let sent: Vec<String> = (0..ranks).map(|to| text(rank, to)).collect();
            let received: Vec<String> = (0..ranks).map(|from| text(from, rank)).collect();
            let lens = |texts: &[String]| texts.iter().map(String::len).collect::<Vec<_>>();
            let mut room = vec![0; lens(&received).iter().sum()];
            let receive = Incoming { bytes: &mut room, lens: &lens(&received) };
            let bytes = sent.concat();
            let send = Outgoing { bytes: bytes.as_bytes(), lens: &lens(&sent) };
            group.all_to_all(send, receive).unwrap();
            assert_eq!(room, received.concat().as_bytes());
            group.barrier().unwrap();
            let all = gather_bytes(group, &vec![rank as u8; rank]).unwrap();
            assert!(all.iter().enumerate().all(|(r, bytes)| *bytes == vec![r as u8; r]));
            let own = if rank == 0 { b"of the first".to_vec() } else { vec![] };
            assert_eq!(broadcast_bytes(group, own).unwrap(), b"of the first");
            let mut last = [rank as u8];
            group.broadcast(ranks - 1, &mut last).unwrap();
            assert_eq!(last, [ranks as u8 - 1]);
        });
    }
}

#[test]
fn ranks_of_one_machine_share_its_cores() {
    let alone = share_of_cores(&Solo).unwrap();
    assert!(alone >= 1);
    for cores in on_ranks(2 * alone, |group| share_of_cores(group).unwrap()) {
        assert_eq!(cores, 1);
    }
}

#[test]
fn a_rank_that_ends_is_an_error_of_the_others() {
    let ended = on_ranks(3, |group| if group.rank() == 1 { Ok(()) } else { group.barrier() });
    assert_eq!(
        ended,
        [Err(CommError::Ended { rank: 1 }), Ok(()), Err(CommError::Ended { rank: 1 })]
    );
}

#[test]
fn a_rank_that_does_not_come_is_an_error_after_a_while() {
    let mut groups = Threads::group(2);
    let (late, waits) = (groups.pop().unwrap(), groups.pop().unwrap());
    let after = Duration::from_millis(20);
    waits.set_patience(Some(after));
    assert_eq!(waits.barrier(), Err(CommError::NoAnswer { after }));
    drop(late);
}

#[test]
fn different_calls_are_an_error() {
    let errors = on_ranks(2, |group| match group.rank() {
        0 => group.barrier(),
        _ => gather_bytes(group, &[1]).map(|_| ()),
    });
    assert_eq!(errors[0], Err(CommError::OtherCall { rank: 1 }));
    assert_eq!(errors[1], Err(CommError::OtherCall { rank: 0 }));
    let errors = on_ranks(2, |group| {
        let lens = [1 + group.rank(); 2];
        let bytes = &mut vec![0; 2 * lens[0]];
        group.all_gather(&vec![7; lens[0]], Incoming { bytes, lens: &lens })
    });
    assert!(errors.iter().all(Result::is_err), "{errors:?}");
}

#[test]
#[should_panic(expected = "lengths of what is received")]
fn lengths_must_add_up() {
    let _ = Solo.all_gather(&[1, 2], Incoming { bytes: &mut [0; 2], lens: &[1] });
}
