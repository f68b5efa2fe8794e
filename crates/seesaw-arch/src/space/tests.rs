use super::*;
use crate::splitmix64;

fn small(zones: &str) -> Result<Space, SpaceError> {
    Space::from_toml(&format!("name = \"s\"\nbase = \"mobilenetv2-1.0-cifar\"\n{zones}"))
}

#[test]
fn random_nets_of_the_built_in_spaces_come_within_two_percent_of_the_cost() {
    for (name, goal) in
        [("uneven-blocks-cifar", 108_000_000), ("uneven-blocks-imagenet", 209_000_000)]
    {
        let space = Space::built_in(name).unwrap();
        let factors = space.factors();
        let mut state = 7;
        for _ in 0..25 {
            let choices: Choices = factors
                .iter()
                .map(|factor| splitmix64::next(&mut state) as usize % factor.levels.len())
                .collect();
            let net = fit_width(&space.net(&choices).unwrap(), goal, 0.02).unwrap();
            net.validate().unwrap();
            space.check_net(&net).unwrap();
            let named = space.named(&choices);
            assert_eq!(space.parse(&named).unwrap(), choices);
        }
        for reference in space.reference_nets().unwrap() {
            fit_width(&reference, goal, 0.02).unwrap();
        }
    }
}

#[test]
fn every_level_changes_what_it_names_and_nothing_else() {
    let space = small(
        "[[zones]]\nname = \"z\"\nstages = [1, 3]\nexpand = [\"1\", \"1:3\"]\nproject = [\"1\", \"3:1\"]\n\
         flow = [\"keep\", \"shuffle(2)\"]\noutput_flow = [\"keep\", \"shuffle(c/2)\"]\n\
         activate_expand = [true, false]\nexpansion = [6, 4]\nkernel = [3, 5]\ndepth = [0, -1, 2]\n\
         width = [1.0, 1.5]",
    )
    .unwrap();
    let base = space.net(&space.parse(&[("z.depth", "0")]).unwrap()).unwrap();
    let with = |name: &str, level: &str| {
        space.net(&space.parse(&[(name, level)]).unwrap()).unwrap().stages
    };
    let expected = |change: &dyn Fn(&mut crate::Stage)| {
        let mut stages = base.stages.clone();
        [0, 2].into_iter().for_each(|i| change(&mut stages[i]));
        stages
    };
    let groups = |text: &str| text.parse::<crate::Groups>().unwrap();
    assert_eq!(with("z.expand", "1:3"), expected(&|s| s.expand = Some(groups("1:3"))));
    assert_eq!(with("z.project", "3:1"), expected(&|s| s.project = groups("3:1")));
    assert_eq!(with("z.flow", "shuffle(2)"), expected(&|s| s.flow = crate::Flow::Shuffle(2)));
    let flow = crate::Flow::ShuffleOf(2);
    assert_eq!(with("z.output_flow", "shuffle(c/2)"), expected(&|s| s.output_flow = flow));
    assert_eq!(with("z.activate_expand", "false"), expected(&|s| s.activate_expand = false));
    assert_eq!(with("z.kernel", "5"), expected(&|s| s.kernel = 5));
    // Stage 1 has one block, without expansion.
    assert_eq!(with("z.expansion", "4")[2].expansion, 4);
    assert_eq!(with("z.expansion", "4")[0].expansion, 1);
    let repeats = |level: &str| with("z.depth", level).iter().map(|s| s.repeat).collect::<Vec<_>>();
    assert_eq!(repeats("+2"), [1, 2, 5, 4, 3, 3, 1]);
    assert_eq!(repeats("-1"), [1, 2, 2, 4, 3, 3, 1]);
    assert_eq!(with("z.width", "1.5")[2].channels, 48);
}

#[test]
fn a_list_with_one_value_sets_it() {
    let space =
        small("[[zones]]\nname = \"z\"\nstages = [2]\nkernel = [5]\nexpansion = [4, 6]").unwrap();
    assert_eq!((space.factors().len(), space.size()), (1, 2.0));
    assert_eq!(space.net(&[0]).unwrap().stages[1].kernel, 5);
}

#[test]
fn constraints_are_kept() {
    let zones = "[constraints]\nmax_params = 1_000_000\n[[zones]]\nname = \"z\"\nstages = [2]\nkernel = [3, 5]";
    let error = small(zones).unwrap().net(&[0]).unwrap_err();
    assert!(matches!(error, SpaceError::Constraint(_)), "{error}");
    let zones = "[constraints]\nconnected = true\n[[zones]]\nname = \"z\"\nstages = [2]\n\
                 expand = [\"1:1\"]\nproject = [\"1:1\", \"1:3\"]\nflow = [\"keep\", \"shuffle(2)\"]";
    let space = small(zones).unwrap();
    let fails = |project: &str, flow: &str| {
        let choices = space.parse(&[("z.project", project), ("z.flow", flow)]).unwrap();
        space.net(&choices).is_err()
    };
    assert!(fails("1:1", "keep"), "two nets side by side");
    assert!(!fails("1:1", "shuffle(2)") && !fails("1:3", "keep"));
}

#[test]
fn broken_spaces_are_refused() {
    for (zones, part) in [
        ("", "missing field `zones`"),
        ("zones = []", "0 zones"),
        ("[[zones]]\nname = \"z\"\nstages = []", "no stages"),
        ("[[zones]]\nname = \"z\"\nstages = [8]", "stages 1 to 7"),
        ("[[zones]]\nname = \"z\"\nstages = [2, 2]", "twice"),
        ("[[zones]]\nname = \"a.b\"\nstages = [2]", "letters"),
        ("[[zones]]\nname = \"z\"\nstages = [2]", "nothing to choose"),
        ("[[zones]]\nname = \"z\"\nstages = [2]\nkernel = [3, 3]", "twice"),
        ("[[zones]]\nname = \"z\"\nstages = [2]\nkernel = [3, 7]", "3 or 5"),
        ("[[zones]]\nname = \"z\"\nstages = [2]\nwidth = [1.0, nan]", "from 0.1 to 8"),
        ("[[zones]]\nname = \"z\"\nstages = [2]\nexpand = [\"1\", \"x\"]", "list of group sizes"),
        ("[[zones]]\nname = \"z\"\nstages = [2]\nkernels = [3, 5]", "unknown field"),
        (
            "references = [\"resnet\"]\n[[zones]]\nname = \"z\"\nstages = [2]\nkernel = [3, 5]",
            "resnet",
        ),
    ] {
        let error = small(zones).unwrap_err().to_string();
        assert!(error.contains(part), "{zones}: {error}");
    }
    let space = small("[[zones]]\nname = \"z\"\nstages = [2]\nkernel = [3, 5]").unwrap();
    assert!(space.parse(&[("z.flow", "keep")]).unwrap_err().to_string().contains("z.kernel"));
    assert!(space.parse(&[("z.kernel", "4")]).unwrap_err().to_string().contains("3, 5"));
    assert_eq!(space.net(&[2]), Err(SpaceError::Choices));
    assert_eq!(space.net(&[]), Err(SpaceError::Choices));
    let tiny = fit_width(&space.net(&[0]).unwrap(), 1_000, 0.02).unwrap_err();
    assert!(tiny.to_string().contains("nearest"), "{tiny}");
}

#[test]
fn spaces_survive_toml() {
    for name in Space::names() {
        let space = Space::built_in(name).unwrap();
        assert_eq!(Space::from_toml(&space.to_toml().unwrap()).unwrap(), space);
    }
    let mut space = Space::default_for(32);
    space.base = Base::Net(Box::new(zoo::net("mobilenetv2-1.0-cifar").unwrap()));
    assert_eq!(Space::from_toml(&space.to_toml().unwrap()).unwrap(), space);
}
