use std::{fs, path::Path};

use seesaw_train::recipe::Recipe;

use super::*;
use crate::{
    explore,
    journal::{FORMAT, Kind, Phase, Settings},
    recipes,
    state::Outcome,
};

/// Two zones, five factors, small nets.
fn space() -> Space {
    Space::from_toml(
        r#"
        name = "small"
        base = "mobilenetv2-1.0-cifar"
        references = ["igcv3-0.5d-cifar", "seesaw-shuffle-0.5d-cifar"]
        [[zones]]
        name = "early"
        stages = [1, 2, 3]
        expand = ["1", "1:3"]
        project = ["1", "3:1"]
        kernel = [3, 5]
        [[zones]]
        name = "late"
        stages = [6, 7]
        expand = ["1:1", "1:3", "1:7"]
        expansion = [4, 6]
        "#,
    )
    .unwrap()
}

fn header() -> Header {
    let base = Recipe::built_in("cifar-modern").unwrap();
    Header {
        format: FORMAT,
        version: "0".to_owned(),
        data: "cifar10".into(),
        limit: None,
        goal: Goal::Madds(20_000_000),
        input_size: 32,
        isa: "portable".to_owned(),
        settings: Settings {
            hours: 10.0,
            trials: 12,
            workers: 2,
            explore: explore::Settings { start: 6, ..explore::Settings::default() },
            ..Settings::default()
        },
        short: recipes::short(&base, 3, 32),
        long: recipes::long(&base, 12, 32),
    }
}

fn claim(search: &Search) -> Claim {
    search.claim("test", || ()).unwrap()
}

/// Claims a trial and ends it with a score that depends on its number alone.
fn do_one(search: &Search) -> Option<Proposal> {
    let Claim::Trial(claimed) = claim(search) else { return None };
    let proposal = claimed.proposal.clone();
    end(search, &proposal, 60.0);
    Some(proposal)
}

fn end(search: &Search, proposal: &Proposal, seconds: f64) {
    let trial = proposal.trial;
    let score = -2.0 + (trial * 7 % 10) as f64 / 100.0;
    if matches!(proposal.kind, Kind::Final { .. }) {
        write_held_out(search, trial);
    }
    let finished =
        |clock| Record::Finished { trial, score, top1: 0.5 + score / 10.0, seconds, clock };
    search.record(finished).unwrap();
}

fn write_held_out(search: &Search, trial: usize) {
    let folder = search.trial_folder(trial);
    fs::create_dir_all(&folder).unwrap();
    let lines: String =
        (0..100).map(|i| format!("{i},{}\n", usize::from(i % 9 > trial % 3))).collect();
    fs::write(folder.join("held-out.csv"), format!("index,right\n{lines}")).unwrap();
}

fn new(folder: &Path) -> Search {
    Search::create(folder, &space(), header()).unwrap()
}

#[test]
fn a_search_goes_through_its_phases() {
    let folder = tempfile::tempdir().unwrap();
    let search = new(folder.path());
    let done: Vec<Proposal> = std::iter::from_fn(|| do_one(&search)).collect();
    let count = |is: &dyn Fn(&Kind) -> bool| done.iter().filter(|p| is(&p.kind)).count();
    assert_eq!(count(&|kind| *kind == Kind::Reference), 2);
    assert_eq!(count(&|kind| matches!(kind, Kind::Explore { .. })), 12);
    assert_eq!(count(&|kind| matches!(kind, Kind::Selection { .. })), 3);
    // The winner, two references, and the best random net unless it is the winner.
    let finals = count(&|kind| matches!(kind, Kind::Final { .. }));
    assert!(finals == 9 || finals == 12, "{finals}");
    for (number, proposal) in done.iter().enumerate() {
        assert_eq!(proposal.trial, number);
        let madds = proposal.net.cost(32).unwrap().madds;
        assert!(madds.abs_diff(20_000_000) <= 400_000, "{madds}");
        let seeds = done.iter().filter(|other| other.seed == proposal.seed).count();
        assert_eq!(seeds, 1, "every training has a seed of its own");
    }
    let state = search.state();
    let Phase::Final { winner, .. } = state.phase else { panic!("{:?}", state.phase) };
    let top1 = |trial: usize| state.trials[trial].top1().unwrap();
    let selections: Vec<(f64, usize)> = done
        .iter()
        .filter_map(|proposal| match proposal.kind {
            Kind::Selection { source } => Some((top1(proposal.trial), source)),
            _ => None,
        })
        .collect();
    let best = selections.iter().map(|(top1, _)| *top1).fold(0.0, f64::max);
    assert!(selections.contains(&(best, winner)), "{selections:?}, {winner}");
    let report = crate::report::Report::new(&search).unwrap();
    assert!(report.complete && report.finals[0].name == "the winner");
    let text = report.to_string();
    for part in ["| early.expand | `1:3` |", "McNemar", "Beside random search", "± "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(serde_json::to_string(&report).unwrap().contains("\"below_winner\":{"));
}

#[test]
fn the_same_journal_makes_the_same_proposals() {
    let folder = tempfile::tempdir().unwrap();
    let search = new(folder.path());
    // Two are always in work at the same time.
    let mut open = Vec::new();
    loop {
        match claim(&search) {
            Claim::Trial(claimed) => open.push(claimed),
            Claim::Wait => {}
            Claim::Done if open.is_empty() => break,
            Claim::Done => {}
        }
        if open.len() == 2 || matches!(search.state().phase, Phase::Final { .. }) {
            let claimed = open.remove(0);
            end(&search, &claimed.proposal, 60.0);
        }
    }
    let journal = fs::read_to_string(folder.path().join("journal.jsonl")).unwrap();
    let lines: Vec<&str> = journal.split_inclusive('\n').collect();
    let mut compared = 0;
    for (number, line) in lines.iter().enumerate() {
        let Record::Proposed(expected) = serde_json::from_str(line).unwrap() else { continue };
        let copy = tempfile::tempdir().unwrap();
        fs::create_dir_all(copy.path().join("trials")).unwrap();
        fs::copy(folder.path().join("space.toml"), copy.path().join("space.toml")).unwrap();
        fs::write(copy.path().join("journal.jsonl"), lines[..number].concat()).unwrap();
        let again = Search::open(copy.path()).unwrap();
        // Trials that were in work then are in work now.
        let open = again.state().trials.iter().filter(|trial| trial.outcome.is_none()).count();
        let held: Vec<Claim> = (0..open).map(|_| claim(&again)).collect();
        let Claim::Trial(claimed) = claim(&again) else { panic!("a proposal was made here") };
        assert_eq!((&claimed.proposal.net, claimed.proposal.seed), (&expected.net, expected.seed));
        assert_eq!(claimed.proposal.choices, expected.choices);
        assert_eq!(held.len(), open);
        compared += 1;
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn a_trial_is_one_workers_until_it_leaves_it() {
    let folder = tempfile::tempdir().unwrap();
    let search = new(folder.path());
    let other = Search::open(folder.path()).unwrap();
    let Claim::Trial(first) = claim(&search) else { panic!() };
    let Claim::Trial(second) = claim(&other) else { panic!() };
    assert_eq!((first.proposal.trial, second.proposal.trial), (0, 1));
    // The first is left as a killed process leaves it.
    drop(first);
    let Claim::Trial(again) = claim(&other) else { panic!() };
    assert_eq!(again.proposal.trial, 0);
    end(&other, &again.proposal, 60.0);
    end(&search, &second.proposal, 60.0);
    let Claim::Trial(third) = claim(&search) else { panic!() };
    assert_eq!(third.proposal.trial, 2);
    assert!(matches!(search.state().trials[0].outcome, Some(Outcome::Finished { .. })));
}

#[test]
fn time_ends_the_phases() {
    let folder = tempfile::tempdir().unwrap();
    let mut header = header();
    header.settings.trials = 1_000;
    let search = Search::create(folder.path(), &space(), header).unwrap();
    let clock = |clock: f64| search.record(|_| Record::Hours { hours: 10.0, clock }).unwrap();
    for _ in 0..8 {
        let Claim::Trial(claimed) = claim(&search) else { panic!() };
        end(&search, &claimed.proposal, 600.0);
    }
    assert_eq!(search.state().phase, Phase::Explore);
    // 600 seconds before the end of the time for short trainings, one still fits.
    clock(3600.0 * 6.0 - 601.0);
    let last = do_one(&search).unwrap();
    assert!(matches!(last.kind, Kind::Explore { .. }));
    clock(3600.0 * 6.0 - 50.0);
    let next = do_one(&search).unwrap();
    assert!(matches!(next.kind, Kind::Selection { .. }), "{:?}", next.kind);
    // With nothing left for a long training, the search is over.
    while do_one(&search).is_some() {
        clock(3600.0 * 9.99);
    }
    assert!(matches!(search.state().phase, Phase::Final { .. }));
    // More time continues it.
    search.set_hours(40.0).unwrap();
    assert!(matches!(do_one(&search).unwrap().kind, Kind::Final { .. }));
    assert!(search.set_hours(f64::NAN).is_err());
}

#[test]
fn half_a_line_is_removed_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let search = new(folder.path());
    do_one(&search).unwrap();
    drop(search);
    let path = folder.path().join("journal.jsonl");
    let whole = fs::read(&path).unwrap();
    for cut in [1, 20] {
        let mut half = whole.clone();
        half.extend(&whole[..cut]);
        fs::write(&path, &half).unwrap();
        let search = Search::open(folder.path()).unwrap();
        assert!(search.was_cut());
        assert_eq!(fs::read(&path).unwrap(), whole);
        assert_eq!(search.state().trials.len(), 1);
    }
    assert!(!Search::open(folder.path()).unwrap().was_cut());
}

#[test]
fn damaged_journals_are_refused_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    let search = new(folder.path());
    do_one(&search).unwrap();
    drop(search);
    let path = folder.path().join("journal.jsonl");
    let whole = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let proposed = lines[1];
    for (text, part) in [
        (String::new(), "line 1"),
        (whole.replace("\"format\":1", "\"format\":2"), "format 2"),
        ("{}\n".to_owned(), "line 1"),
        (lines[1..].concat(), "line 1"),
        (format!("{whole}nonsense\n"), "line 5"),
        (format!("{whole}{{\"event\":\"finished\",\"trial\":9}}\n"), "line 5"),
        (format!("{whole}{proposed}"), "trial 0 where 1 is next"),
        (format!("{whole}{}", lines[3]), "has ended before"),
        (format!("{whole}{}", lines[0]), "second first line"),
        (whole.replace("\"hours\":10.0", "\"hours\":-1.0"), "hours"),
        (whole.replace("\"workers\":2", "\"workers\":0"), "workers"),
        (whole.replace("\"expansion\":1", "\"expansion\":0"), "line 2"),
    ] {
        fs::write(&path, &text).unwrap();
        let error = Search::open(folder.path()).unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text, "nothing is lost");
    }
}

#[test]
fn the_clock_stands_still_while_nobody_works() {
    let folder = tempfile::tempdir().unwrap();
    let search = new(folder.path());
    let worker = "test".to_owned();
    search.record(|_| Record::Left { worker, clock: 5_000.0 }).unwrap();
    drop(search);
    let clock = Search::open(folder.path()).unwrap().clock();
    assert!((5_000.0..5_060.0).contains(&clock), "{clock}");
}

#[test]
fn a_folder_holds_one_search() {
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(Search::open(folder.path()), Err(SearchError::None { .. })));
    new(folder.path());
    let error = Search::create(folder.path(), &space(), header()).unwrap_err();
    assert!(matches!(error, SearchError::Exists { .. }), "{error}");
}

#[test]
fn failures_do_not_stop_a_search_unless_all_fail() {
    let folder = tempfile::tempdir().unwrap();
    let search = new(folder.path());
    let fail = || {
        let Claim::Trial(claimed) = claim(&search) else { panic!() };
        let trial = claimed.proposal.trial;
        let why = "diverged".to_owned();
        search.record(|clock| Record::Failed { trial, why, clock }).unwrap();
    };
    fail();
    fail();
    do_one(&search).unwrap();
    (0..MOST_FAILURES).for_each(|_| fail());
    let error = search.claim("test", || ()).unwrap_err();
    assert!(matches!(error, SearchError::AllFail { count: MOST_FAILURES, .. }), "{error}");
    let report = crate::report::Report::new(&search).unwrap();
    assert_eq!(report.failed.len(), 2 + MOST_FAILURES);
}

#[test]
fn a_cost_without_nets_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let header = Header { goal: Goal::Madds(200_000), ..header() };
    let mut space = space();
    space.references.clear();
    let search = Search::create(folder.path(), &space, header).unwrap();
    let error = search.claim("test", || ()).unwrap_err();
    assert!(matches!(error, SearchError::NoNet { .. }), "{error}");
}
