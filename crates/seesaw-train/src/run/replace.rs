//! Files that are there whole or not at all.

use std::{io::Write, path::Path};

use crate::TrainError;

/// Puts `bytes` in the place of `path` by way of a temporary file beside it, which is on the disk
/// before it takes the name.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), TrainError> {
    let folder = path.parent().filter(|f| !f.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let io = || TrainError::io(path);
    let mut file = tempfile::Builder::new().prefix(".seesaw-").tempfile_in(folder).map_err(io())?;
    file.write_all(bytes).map_err(io())?;
    file.as_file().sync_all().map_err(io())?;
    // A temporary file is its owner's alone; a run is as readable as other new files.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::Permissions::from_mode(0o644);
        file.as_file().set_permissions(permissions).map_err(io())?;
    }
    file.persist(path).map_err(|e| io()(e.error))?;
    Ok(())
}
