//! Entities from a folder of images: each subfolder is an entity, and its name is that of the
//! folder.

use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
    sync::Arc,
};

use tl_protocol::{endpoint::Media, flow::EntityImages};
use tl_validate::picture::{self, PictureFault, PictureRules};

use crate::{Error, ErrorKind, FileSource};

/// The entities of a folder, and the files that were left out.
#[derive(Debug)]
#[non_exhaustive]
pub struct EntityFolder {
    /// The entities, ordered by name, each with its images ordered by name.
    pub entities: Vec<EntityImages>,
    /// The number of images.
    pub images: usize,
    /// Files that are no image, and images that the platform would reject, each with the reason.
    pub left_out: Vec<(PathBuf, String)>,
}

impl EntityFolder {
    /// Reads a folder: `people/Ada/*.jpg` is the entity `Ada`. Hidden files, files beside the
    /// subfolders and folders inside of them are ignored. Each image is checked: format, size in
    /// bytes, width and height. Nothing is sent.
    ///
    /// ```no_run
    /// # #[cfg(feature = "blocking")]
    /// # fn example() -> Result<(), tl_client::Error> {
    /// use tl_client::{EntityFolder, protocol::{Observer, flow::WaitPolicy}};
    ///
    /// let client = tl_client::blocking::Client::from_env()?;
    /// let folder = EntityFolder::read("people")?;
    /// let wait = Some(WaitPolicy::default());
    /// let added = client.add_entities("6298d673f1090f1100476d4c", folder.entities, wait, Observer::none())?;
    /// println!("{} created, {} skipped", added.created.len(), added.skipped.len());
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// [`ErrorKind::File`] if the folder cannot be read, or an image cannot be opened.
    pub fn read(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let mut read = Self {
            entities: Vec::new(),
            images: 0,
            left_out: Vec::new(),
        };
        let rules = PictureRules::of_entities();
        for path in entries(folder.as_ref())? {
            if !path.is_dir() {
                continue;
            }
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
                let reason = "the name of the folder is not UTF-8".to_owned();
                read.left_out.push((path, reason));
                continue;
            };
            let name = name.to_owned();
            let mut images = Vec::new();
            for file in entries(&path)? {
                if file.is_dir() {
                    continue;
                }
                match check_picture(&file, &rules) {
                    Ok(_) => {
                        let source = FileSource::open(&file)?;
                        images.push(Media::File(Arc::new(source)));
                    }
                    Err(fault) => read.left_out.push((file, fault.to_string())),
                }
            }
            if images.is_empty() {
                let reason = "the folder has no image that can be used".to_owned();
                read.left_out.push((path, reason));
                continue;
            }
            read.images += images.len();
            read.entities.push(EntityImages::new(name, images));
        }
        Ok(read)
    }
}

/// Checks an image file by its first bytes: format, size in bytes, width and height. Nothing is sent.
///
/// # Errors
/// The first rule that it violates, or why it cannot be read.
pub fn check_picture(path: &Path, rules: &PictureRules) -> Result<(), PictureFault> {
    let unreadable = |error: std::io::Error| PictureFault::unreadable(&error.to_string());
    let metadata = path.metadata().map_err(unreadable)?;
    // Opening a pipe would block until it has a writer.
    if !metadata.is_file() {
        return Err(PictureFault::unreadable("it is not a regular file"));
    }
    let file = File::open(path).map_err(unreadable)?;
    let mut head = Vec::new();
    let mut start = file.take(picture::HEAD_BYTES);
    start.read_to_end(&mut head).map_err(unreadable)?;
    picture::check_bytes(&head, metadata.len(), rules).map(|_| ())
}

/// The entries of a folder that are not hidden, ordered by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let failed = |error: std::io::Error| {
        let message = format!("failed to read the folder `{}`", folder.display());
        Error::new(ErrorKind::File, message).with_source(error)
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first bytes of a PNG of this size.
    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        bytes.extend(width.to_be_bytes());
        bytes.extend(height.to_be_bytes());
        bytes.extend([8, 0, 0, 0, 0]);
        bytes
    }

    #[test]
    fn folders_are_entities_and_faulty_images_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        write("Zoë/b.png", &png(128, 128));
        write("Zoë/a.png", &png(640, 480));
        write("Ada/small.png", &png(64, 64));
        write("Ada/face.png", &png(128, 200));
        write("Bob/notes.txt", b"no image");
        write(".hidden/a.png", &png(128, 128));
        write("beside.png", &png(128, 128));
        let read = EntityFolder::read(folder.path()).unwrap();
        let names: Vec<&str> = read.entities.iter().map(|of| of.name.as_str()).collect();
        assert_eq!((names, read.images), (vec!["Ada", "Zoë"], 3));
        let first = read.entities[1].images[0].filename();
        assert_eq!(first, Some("a.png"));
        let left_out: Vec<String> = read
            .left_out
            .iter()
            .map(|(path, reason)| {
                let name = path.strip_prefix(folder.path()).unwrap();
                format!("{}: {reason}", name.display())
            })
            .collect();
        assert_eq!(
            left_out,
            [
                "Ada/small.png: 64x64 pixels; allowed: at least 128x128",
                "Bob/notes.txt: not an image; allowed: JPEG, PNG",
                "Bob: the folder has no image that can be used",
            ]
        );
        let missing = EntityFolder::read(folder.path().join("missing"));
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::File);
    }
}
