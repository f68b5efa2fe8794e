use super::*;

#[test]
fn built_in_recipes_are_valid_and_survive_toml() {
    for name in NAMES {
        let recipe = Recipe::built_in(name).unwrap();
        let text = toml::to_string(&recipe).unwrap();
        assert_eq!(Recipe::from_toml(&text).unwrap(), recipe, "{name}");
        assert_eq!(Recipe::load(name).unwrap().recipe, recipe);
    }
    let error = Recipe::load("cifar-moderm").unwrap_err().to_string();
    assert!(error.contains("cifar-moderm") && error.contains("cifar-modern"), "{error}");
}

#[test]
fn the_papers_numbers() {
    let cifar = Recipe::built_in("paper-cifar").unwrap();
    let rate = |epoch: f64| cifar.optimizer.rate * cifar.schedule.share(epoch, 400.0);
    let rates = [0.0, 200.0, 300.0, 350.0].map(rate);
    for (rate, expected) in rates.into_iter().zip([0.1, 0.01, 0.001, 0.0001]) {
        assert!((rate - expected).abs() < 1e-12);
    }
    assert_eq!((cifar.epochs.count(), cifar.batch, cifar.dropout), (400, 64, Some(0.5)));
    assert_eq!((cifar.optimizer.momentum, cifar.optimizer.weight_decay), (0.9, 1e-4));
    let imagenet = Recipe::built_in("paper-imagenet").unwrap();
    assert_eq!((imagenet.batch, imagenet.optimizer.rate), (96, 0.045));
    assert_eq!((imagenet.schedule.factor, imagenet.optimizer.weight_decay), (0.98, 4e-5));
}

#[test]
fn sets_fields_of_every_kind() {
    let mut recipe = Recipe::built_in("photos-modern").unwrap();
    for (key, value) in [
        ("epochs", "3"),
        ("schedule.warmup", "1"),
        ("optimizer.rate", "0.5"),
        ("optimizer.nesterov", "false"),
        ("schedule.kind", "one-cycle"),
        ("augment.mixup", "0.2"),
        ("augment.crop", "padded"),
        ("dropout", "0.25"),
        ("loss.teacher_size", "96"),
        ("sizes", "[{ from_epoch = 0, size = 64, batch = 16 }]"),
        ("mean", "[0.5, 0.5, 0.5]"),
    ] {
        recipe.set(key, value).unwrap_or_else(|e| panic!("{key}: {e}"));
    }
    assert_eq!(
        (recipe.epochs.count(), recipe.optimizer.rate, recipe.dropout),
        (3, 0.5, Some(0.25))
    );
    assert!(!recipe.optimizer.nesterov);
    assert_eq!(recipe.schedule.kind, crate::schedule::ScheduleKind::OneCycle);
    assert_eq!((recipe.augment.mixup, recipe.loss.teacher_size), (0.2, Some(96)));
    assert_eq!(recipe.phase(2, 224), Phase { size: 64, batch: 16 });
    assert_eq!(recipe.mean, [0.5; 3]);
}

#[test]
fn what_cannot_be_set_says_why_and_changes_nothing() {
    let before = Recipe::built_in("cifar-modern").unwrap();
    for (key, value, message) in [
        ("epoch", "3", "epochs"),
        ("optimizer.lr", "3", "rate"),
        ("optimizers.rate", "3", "unknown field `optimizers`"),
        ("loss.features.wieght", "1", "weight"),
        ("epochs.x", "3", "no fields"),
        ("epochs", "many", "many"),
        ("epochs", "2.5", "2.5"),
        ("epochs", "0", "1 to 10000"),
        ("epochs", "3\nbatch = 5", "invalid type"),
        ("schedule.kind", "sine", "cosine"),
        ("optimizer.rate", "nan", "above 0"),
        ("augment.flip", "1", "boolean"),
        ("augment.erasing", "1.5", "erasing"),
        ("sizes", "[{ from_epoch = 3, size = 64 }]", "0 at first"),
        ("sizes", "[{ from_epoch = 0, size = 4 }]", "8 to 4096"),
        ("schedule.warmup", "-1", "from 0 to 10000"),
        ("schedule.kind", "multi-step", "rising epochs"),
        ("std", "[0.0, 1.0, 1.0]", "0.00001"),
    ] {
        let mut recipe = before.clone();
        let error = recipe.set(key, value).unwrap_err().to_string();
        assert!(error.contains(message), "{key}={value}: {error}");
        assert_eq!(recipe, before);
    }
    let mut recipe = before;
    recipe.set_all(&[("schedule.kind", "multi-step"), ("schedule.at", "[5, 9]")]).unwrap();
    assert_eq!(recipe.schedule.at, [5.0, 9.0]);
}

#[test]
fn feature_maps_are_compared_at_the_size_of_the_net() {
    let mut recipe = Recipe::built_in("distill").unwrap();
    let error = recipe.set("loss.teacher_size", "224").unwrap_err().to_string();
    assert!(error.contains("left out"), "{error}");
    // A recipe without the table gets it by its first field.
    let mut recipe = Recipe::built_in("photos-modern").unwrap();
    recipe.set("loss.features.weight", "0.5").unwrap();
    assert_eq!(recipe.loss.features.unwrap().weight, 0.5);
    assert_eq!(Recipe::from_toml(&toml::to_string(&recipe).unwrap()).unwrap(), recipe);
    assert!(recipe.set("loss.features.weight", "-1").is_err());
}

#[test]
fn sizes_change_by_epoch() {
    let recipe = Recipe::built_in("photos-modern").unwrap();
    let size = |epoch| recipe.phase(epoch, 224).size;
    assert_eq!([0, 23, 24, 39].map(size), [96, 96, 128, 128]);
    let preprocess = recipe.preprocess(224);
    assert_eq!((preprocess.resize, preprocess.crop), (146, 128));
    // A shorter training never gets to the second size, and so does not validate with it.
    let mut short = recipe;
    short.set("epochs", "20").unwrap();
    assert_eq!(short.preprocess(224).crop, 96);
    let cifar = Recipe::built_in("cifar-modern").unwrap();
    assert_eq!(cifar.preprocess(32), seesaw_arch::Preprocess::cifar());
}

#[test]
fn files_are_read_and_misread_with_the_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    let text = include_str!("../../recipes/fine-tune.toml");
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let Loaded { recipe, old_names } = Recipe::load(path).unwrap();
    assert_eq!((recipe, old_names), (Recipe::built_in("fine-tune").unwrap(), Vec::new()));
    std::fs::write(path, text.replace("batch = 32", "batches = 32")).unwrap();
    let error = Recipe::load(path).unwrap_err().to_string();
    assert!(error.contains("batches = 32") && error.contains("batch"), "{error}");
    let error = Recipe::load(folder.path().to_str().unwrap()).unwrap_err();
    assert!(matches!(error, RecipeError::Io { .. }));
}

#[test]
fn a_goal_of_steps_becomes_epochs_for_the_number_of_images() {
    let mut recipe = Recipe::built_in("cifar-modern").unwrap();
    recipe.set_all(&[("epochs", "{ steps = 200, min = 3, max = 12 }"), ("batch", "32")]).unwrap();
    let goal = recipe.clone();
    assert_eq!((recipe.epochs.count(), recipe.epochs.to_string().as_str()), (12, "3 to 12"));
    // Full batches only: 250 images are 7 steps, and fewer images than a batch are one.
    for (images, epochs) in [(20, 12), (250, 12), (640, 10), (1_000, 6), (3_068, 3), (100_000, 3)] {
        let resolved = goal.resolve(images, 32);
        assert_eq!(resolved.epochs, Epochs::Count(epochs), "{images}");
        assert_eq!(resolved, Recipe { epochs: epochs.into(), ..goal.clone() });
        assert_eq!(resolved.resolve(7, 32), resolved, "once there is a number, it stays");
    }
    // Two batches a step: twice the epochs.
    recipe.set("accumulate", "2").unwrap();
    assert_eq!(recipe.resolve(1_280, 32).epochs, Epochs::Count(10));
    // It survives TOML, its fields change one by one, and a number takes its place.
    let text = toml::to_string(&goal).unwrap();
    assert_eq!(Recipe::from_toml(&text).unwrap(), goal);
    recipe.set("epochs.steps", "400").unwrap();
    assert_eq!(recipe.epochs, Epochs::Steps(StepGoal { steps: 400, min: 3, max: 12 }));
    recipe.set("epochs", "5").unwrap();
    assert_eq!(recipe.epochs, Epochs::Count(5));
    for (value, message) in [
        ("{ steps = 0, min = 3, max = 12 }", "1 or more"),
        ("{ steps = 9, min = 0, max = 12 }", "1 to `epochs.max`"),
        ("{ steps = 9, min = 3, max = 2 }", "1 to `epochs.max`"),
        ("{ steps = 9, min = 3, max = 20000 }", "1 to 10000"),
        ("{ steps = 9, min = 3 }", "max"),
        ("{ steps = 9, min = 3, most = 4 }", "most"),
        ("-3", "-3"),
        ("auto", "`steps`, `min` and `max`"),
    ] {
        let error = recipe.set("epochs", value).unwrap_err().to_string();
        assert!(error.contains(message), "{value}: {error}");
    }
}

#[test]
fn photos_are_normalized_as_the_start_weights_are() {
    let half = seesaw_arch::Preprocess { mean: [0.5; 3], ..seesaw_arch::Preprocess::imagenet(224) };
    let mut recipe = Recipe::built_in("fine-tune").unwrap();
    recipe.follow_normalization(&half);
    assert_eq!((recipe.mean, recipe.std), (half.mean, half.std));
    // A recipe that has its own mind keeps it.
    let own = Recipe::built_in("cifar-modern").unwrap();
    let mut recipe = own.clone();
    recipe.follow_normalization(&half);
    assert_eq!(recipe, own);
}

#[test]
fn old_names_load_and_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.toml");
    let mut old = Recipe::built_in("cifar-modern").unwrap();
    (old.center, old.augment.crop) = (0.75, seesaw_data::augment::Crop::Center);
    let new_text = toml::to_string(&old).unwrap();
    let old_text = new_text.replace("center", "centre");
    assert_eq!(Recipe::from_toml(&old_text).unwrap(), old);
    for (text, notes) in [(old_text, 2), (new_text, 0)] {
        std::fs::write(&path, text).unwrap();
        let Loaded { recipe, old_names } = Recipe::load(path.to_str().unwrap()).unwrap();
        assert_eq!((recipe, old_names.len()), (old.clone(), notes));
        assert!(old_names.iter().all(|old| old.to_string().contains("`center`")), "{old_names:?}");
    }
    // Single fields have old names too.
    let mut recipe = Recipe::built_in("cifar-modern").unwrap();
    recipe.set_all(&[("centre", "0.75"), ("augment.crop", "centre")]).unwrap();
    assert_eq!(recipe, old);
}

#[test]
fn every_net_has_a_recipe_for_its_images() {
    for net in seesaw_arch::zoo::all() {
        let expected = if net.name.contains("cifar") { "cifar-modern" } else { "photos-modern" };
        assert_eq!(Recipe::default_name(&net), expected, "{}", net.name);
        assert_eq!(Recipe::default_for(&net), Recipe::built_in(expected).unwrap());
    }
}

#[test]
fn the_fit_is_part_of_the_preprocessing() {
    let mut recipe = Recipe::built_in("fine-tune").unwrap();
    assert!(!toml::to_string(&recipe).unwrap().contains("\nfit ="), "absent where it is a crop");
    recipe.set("fit", "pad").unwrap();
    assert_eq!(recipe.preprocess(224).fit, seesaw_arch::Fit::Pad);
    assert!(toml::to_string(&recipe).unwrap().contains("\nfit = \"pad\""));
    assert!(recipe.set("fit", "stretch").is_err());
}
