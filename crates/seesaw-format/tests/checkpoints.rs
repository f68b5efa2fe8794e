//! Checkpoints as PyTorch and training scripts write them.

use std::path::Path;

use seesaw_format::load;

#[test]
fn an_archive_may_have_any_name() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let tensors = load(&folder.join("name-of-21-characters.pth")).unwrap().tensors;
    assert_eq!(tensors.get("a").unwrap().data, [-0.5, -0.25, 0.0, 0.25, 0.5, 0.75]);
}
