//! Whole modules, and what else is in checkpoints: objects of any class, of which nothing is executed.
#![cfg(feature = "pytorch")]

use seesaw_format::{FormatError, Note, load_model, pytorch};
use seesaw_testing::folder;

mod common;
use common::{Py, hostile, nets::state_dict, text};

fn one(fill: f32) -> Py {
    Py::dict([("a", Py::Tensor(fill, vec![2]))])
}

fn read(file: &Py) -> Result<(f32, Vec<Note>), FormatError> {
    let (tensors, notes) = pytorch::read_keyed(&file.saved(), None)?;
    Ok((tensors.get("a").unwrap().data[0], notes))
}

/// Objects as PyTorch, Python and libraries pickle them.
fn objects() -> Vec<Py> {
    let bytes = Py::call("_codecs.encode", [Py::text("\u{7}e"), Py::text("latin1")]);
    vec![
        Py::call("torch.torch_version.TorchVersion", [Py::text("2.6.0")]),
        Py::call("datetime.datetime", [bytes]),
        Py::call("my.module.Mode", [Py::Int(1)]),
        Py::call("builtins.getattr", [Py::Global("my.module.Mode".into()), Py::text("TRAIN")]),
        Py::Global("torch.strided".into()),
        Py::Global("torch.float8_e4m3fn".into()),
        Py::call("torch.device", [Py::text("cuda"), Py::Int(0)]),
        Py::call("pathlib.PosixPath", [Py::text("runs"), Py::text("a")]),
        Py::object("argparse.Namespace", Py::dict([("lr", Py::Float(0.1))])),
        Py::object(
            "omegaconf.dictconfig.DictConfig",
            Py::dict([("_content", Py::dict([("a", Py::Int(1))]))]),
        ),
        Py::object("functools.partial", Py::Tuple(vec![Py::Global("torch.optim.sgd.SGD".into())])),
        Py::object("torch.optim.lr_scheduler.CosineAnnealingLR", Py::dict([("T_max", Py::Int(9))])),
        Py::call("os.system", [Py::text("echo")]),
        Py::call("numpy.core.multiarray.scalar", [Py::Global("numpy.dtype".into()), Py::text("x")]),
        Py::call("torch._utils._rebuild_sparse_tensor", [Py::Global("torch.sparse_coo".into())]),
        Py::Tuple(vec![Py::call("a.B", []), Py::None]),
    ]
}

#[test]
fn objects_beside_the_weights_do_not_matter() {
    for object in objects() {
        for file in [
            Py::dict([("model", one(1.5)), ("extra", object.clone())]),
            Py::dict([
                ("args", Py::dict([("deep", Py::List(vec![object.clone()]))])),
                ("model", one(1.5)),
            ]),
        ] {
            let (value, _) = read(&file).unwrap_or_else(|error| panic!("{object:?}: {error}"));
            assert_eq!(value, 1.5, "{object:?}");
        }
    }
    let file = Py::dict([("model", one(1.5)), ("extra", Py::List(objects()))]);
    let (_, notes) = read(&file).unwrap();
    let [Note::Skipped { classes }] = notes.as_slice() else { panic!("{notes:?}") };
    assert!(classes.contains(&"os.system".to_owned()), "{classes:?}");
    assert!(!classes.iter().any(|class| class.contains("Namespace")), "too usual to mention");
}

#[test]
fn weights_that_depend_on_code_are_refused_by_its_name() {
    let quantized = Py::call("torch._utils._rebuild_qtensor", [Py::Int(1)]);
    let mut tensors = state_dict("", 1.0);
    tensors[0].1 = quantized;
    for (file, name) in [
        (Py::call("os.system", [Py::text("echo")]), "os.system"),
        (Py::dict([("state_dict", Py::call("my.decrypt", [Py::text("x")]))]), "my.decrypt"),
        (Py::dict(tensors), "torch._utils._rebuild_qtensor"),
        (Py::Global("os.system".into()), "os.system"),
    ] {
        let error = pytorch::read(&file.saved()).unwrap_err();
        assert!(matches!(&error, FormatError::Refused(what) if what == name), "{error}");
    }
}

/// A module of tensors and submodules, as `torch.save` pickles it.
fn module(class: &str, parts: [Py; 3]) -> Py {
    let [parameters, buffers, modules] = parts;
    let hooks = || Py::call("collections.OrderedDict", []);
    Py::object(
        class,
        Py::dict([
            ("training", Py::Int(0)),
            ("_parameters", parameters),
            ("_buffers", buffers),
            ("_non_persistent_buffers_set", Py::call("builtins.set", [Py::List(vec![])])),
            ("_backward_hooks", hooks()),
            ("_modules", modules),
        ]),
    )
}

/// The tensors of a state dict as nested modules.
fn nested(tensors: &[(String, Py)]) -> Py {
    let (mut parameters, mut buffers) = (Vec::new(), Vec::new());
    let mut modules: Vec<(String, Vec<(String, Py)>)> = Vec::new();
    for (name, tensor) in tensors {
        match name.split_once('.') {
            None if name.starts_with("running") => buffers.push((name.clone(), tensor.clone())),
            None => {
                // Parameters have a wrapper of their own.
                let arguments = [tensor.clone(), Py::None, Py::call("collections.OrderedDict", [])];
                let parameter = Py::call("torch._utils._rebuild_parameter", arguments);
                parameters.push((name.clone(), parameter));
            }
            Some((first, rest)) => {
                let part = (rest.to_owned(), tensor.clone());
                match modules.iter_mut().find(|(name, _)| name == first) {
                    Some((_, parts)) => parts.push(part),
                    None => modules.push((first.to_owned(), vec![part])),
                }
            }
        }
    }
    let modules = modules.into_iter().map(|(name, parts)| (name, nested(&parts)));
    let parts = [Py::dict(parameters), Py::dict(buffers), Py::dict(modules)];
    module("torch.nn.modules.container.Sequential", parts)
}

#[test]
fn whole_modules_are_read_and_none_of_their_code() {
    let net = nested(&state_dict("", 1.5));
    let Py::Call(_, _, Some(state)) = net else { unreachable!() };
    let own = Py::Call("__main__.Net".into(), Vec::new(), Some(state));
    let empty = || Py::Dict(Vec::new());
    let parallel = module(
        "torch.nn.parallel.data_parallel.DataParallel",
        [empty(), empty(), Py::dict([("module", own.clone())])],
    );
    for file in [own.clone(), parallel, Py::dict([("epoch", Py::Int(1)), ("model", own)])] {
        let folder = folder([("net.pt", file.saved())]);
        let model = load_model(&folder.path().join("net.pt"), None).unwrap();
        assert_eq!(model.weights.head.weight[0], 1.5);
        let notes: Vec<String> = model.notes.iter().map(ToString::to_string).collect();
        assert!(notes.iter().any(|note| note.contains("a whole module, `")), "{notes:?}");
        assert!(!notes.iter().any(|note| note.contains("skipped")), "{notes:?}");
    }
}

/// The old container has a module's class with its source.
#[test]
fn old_files_of_whole_modules_are_read_too() {
    let class = [b"(".to_vec(), text("module"), b"c__main__\nNet\n".to_vec()].concat();
    let class = [class, text("net.py"), text("import os"), b"tQ".to_vec()].concat();
    let view = common::view("a", 0, &[2], &[1]);
    let dict = view.windows(3).rposition(|part| part == b"tRs").unwrap() + 3;
    let start = view.windows(6).position(|part| part == b"\x80\x02}X\x01\0").unwrap() + 2;
    let state = [
        b"}(".to_vec(),
        text("_parameters"),
        view[start..dict].to_vec(),
        text("_modules"),
        b"}u".to_vec(),
    ];
    let program = [class, b")\x81".to_vec(), state.concat(), b"b".to_vec()].concat();
    let mut file = view[..start].to_vec();
    file.extend(program);
    file.extend(&view[dict..]);
    assert_eq!(pytorch::read(&file).unwrap().get("a").unwrap().data, [1.5, 2.5]);
}

/// TorchScript keeps tensors and submodules as attributes.
#[test]
fn torchscript_archives_are_read() {
    fn script(tensors: &[(String, Py)]) -> Py {
        let mut attributes: Vec<(String, Py)> = vec![("training".into(), Py::Int(0))];
        let mut names: Vec<&str> =
            tensors.iter().filter_map(|(name, _)| Some(name.split_once('.')?.0)).collect();
        names.dedup();
        for (name, tensor) in tensors.iter().filter(|(name, _)| !name.contains('.')) {
            attributes.push((name.clone(), tensor.clone()));
        }
        for module in names {
            let prefix = format!("{module}.");
            let own = tensors.iter().filter_map(|(name, tensor)| {
                Some((name.strip_prefix(&prefix)?.to_owned(), tensor.clone()))
            });
            attributes.push((module.to_owned(), script(&own.collect::<Vec<_>>())));
        }
        Py::object("__torch__.torch.nn.___torch_mangle_7.Module", Py::dict(attributes))
    }
    let bytes = script(&state_dict("", 1.5)).archive(&["constants.pkl", "code/__torch__.py"]);
    let folder = folder([("net.pt", bytes)]);
    let model = load_model(&folder.path().join("net.pt"), None).unwrap();
    assert_eq!(model.weights.classifier.weight[0], 1.5);
    assert!(model.notes.iter().any(|note| note.to_string().contains("TorchScript")));
}

/// Dictionaries of other classes are dictionaries.
#[test]
fn state_dicts_of_other_classes_are_read() {
    let in_arguments = Py::call("flax.core.FrozenDict", [one(1.5)]);
    let in_state = Py::object("box.Box", Py::dict([("weights", one(1.5))]));
    let slots = Py::object("my.State", Py::Tuple(vec![Py::None, Py::dict([("net", one(1.5))])]));
    for file in [in_arguments, in_state, slots] {
        assert_eq!(read(&file).unwrap().0, 1.5, "{file:?}");
    }
}

#[test]
fn long_lists_do_not_count() {
    let count = 300_000;
    let floats = || (0..count).map(|i| Py::Float(f64::from(i) / 1000.0));
    let step = |i: i32| Py::Tuple(vec![Py::Int(i), Py::Float(0.5)]);
    let scalar = |i: i32| {
        let bytes = Py::text(&i.to_string());
        Py::call("numpy.core.multiarray.scalar", [Py::Int(0), bytes])
    };
    for (what, list) in [
        ("losses", Py::List(floats().collect())),
        ("tuple", Py::Tuple(floats().collect())),
        ("integers", Py::List((0..count).map(Py::Int).collect())),
        ("by step", Py::Dict((0..count).map(Py::Int).zip(floats()).collect())),
        ("pairs", Py::List((0..count).map(step).collect())),
        ("names", Py::List((0..count).map(|i| Py::text(&format!("image{i}.jpg"))).collect())),
        ("scalars", Py::List((0..count).map(scalar).collect())),
    ] {
        let file = Py::dict([("history", list), ("model", one(1.5))]);
        let (value, _) = read(&file).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(value, 1.5, "{what}");
    }
}

/// A module that holds itself, and modules nested without end.
#[test]
fn modules_within_themselves_end() {
    let state = |inner: &[u8]| {
        let parts = [b"}(".to_vec(), text("_parameters"), b"}".to_vec(), text("_modules")];
        let child = [b"}".to_vec(), text("m"), inner.to_vec(), b"su".to_vec()];
        [parts.concat(), child.concat(), b"b".to_vec()].concat()
    };
    let own = [b"\x80\x02ca\nB\n)\x81q\x00".to_vec(), state(b"h\x00"), b".".to_vec()].concat();
    assert!(matches!(pytorch::read(&hostile(&own)), Err(FormatError::Pickle(_))));
    let mut deep = b"N".to_vec();
    for _ in 0..500 {
        deep = [b"ca\nB\n)\x81".to_vec(), state(&deep)].concat();
    }
    let deep = [b"\x80\x02".to_vec(), deep, b".".to_vec()].concat();
    assert!(matches!(pytorch::read(&hostile(&deep)), Err(FormatError::Pickle(_))));
}

/// What a file repeats without end costs no more than its bytes.
#[test]
fn repeated_objects_are_looked_into_once() {
    let start = std::time::Instant::now();
    // A module whose submodules are one and the same object, which has many attributes.
    let mut file = b"\x80\x02ca\nB\n)\x81q\x00}(".to_vec();
    for i in 0..20_000 {
        file.extend([text(&format!("attribute{i}")), b"K\x01".to_vec()].concat());
    }
    file.extend(b"ub0");
    file.extend([b"ca\nC\n)\x81}(".to_vec(), text("_parameters"), b"}".to_vec()].concat());
    file.extend([text("_modules"), b"}(".to_vec()].concat());
    file.extend([text("m"), b"h\x00".to_vec()].concat().repeat(200_000));
    file.extend(b"uub.");
    assert!(matches!(pytorch::read(&hostile(&file)), Err(FormatError::Pickle(_))));
    // A call with the same dictionary as argument very often, and a dictionary of very many.
    let mut file = b"\x80\x02ca\nB\n(}q\x00".to_vec();
    file.extend(b"h\x00".repeat(500_000));
    file.extend(b"tR.");
    assert!(pytorch::read(&hostile(&file)).is_err());
    let results = (0..20_000).map(|i| (format!("{i}.jpg"), Py::dict([("score", Py::Float(0.5))])));
    let mut entries: Vec<(String, Py)> = results.collect();
    entries.push(("model".into(), one(1.5)));
    assert_eq!(read(&Py::dict(entries)).unwrap().0, 1.5);
    assert!(start.elapsed() < std::time::Duration::from_secs(60), "{:?}", start.elapsed());
}
