//! Image files as part of a request.

use std::{fs, path::Path};

use base64::{Engine, engine::general_purpose::STANDARD};
use tl_model::AnalyzeImage;
use tl_validate::picture::PictureRules;

use crate::{Error, ErrorKind, check_picture};

/// Reads an image to analyze, after a check of its format, size and number of pixels. It is sent
/// inside the request. Prompts refer to it as `<@name>`: to all images of a request, or to none.
///
/// ```no_run
/// # #[cfg(feature = "blocking")]
/// # fn example(client: &tl_client::blocking::Client) -> Result<(), tl_client::Error> {
/// use tl_client::analysis::image_file;
///
/// let images = [image_file("before", "1.png")?, image_file("after", "2.png")?];
/// let answer = client.analyze_images(images).prompt("What changed from <@before> to <@after>?").text()?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// [`RefusedLocally`](ErrorKind::RefusedLocally) if the platform would refuse the image,
/// [`File`](ErrorKind::File) if it cannot be read.
pub fn image_file(name: impl Into<String>, path: impl AsRef<Path>) -> Result<AnalyzeImage, Error> {
    let path = path.as_ref();
    check_picture(path, &PictureRules::of_analysis()).map_err(|fault| {
        let message = format!("`{}` cannot be analyzed: {fault}", path.display());
        Error::new(ErrorKind::RefusedLocally, message)
    })?;
    let bytes = fs::read(path).map_err(|error| {
        let message = format!("failed to read `{}`", path.display());
        Error::new(ErrorKind::File, message).with_source(error)
    })?;
    let mut image = AnalyzeImage::new(name);
    image.base64_string = Some(STANDARD.encode(bytes));
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_checked_before_they_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
        // 5000x4000 are more pixels than Pegasus 1.6 takes.
        for (width, is_allowed) in [(64_u32, true), (5000, false)] {
            let mut bytes = png.clone();
            bytes.extend(width.to_be_bytes());
            bytes.extend(4000_u32.to_be_bytes());
            bytes.extend([8, 0, 0, 0, 0]);
            fs::write(&path, &bytes).unwrap();
            match image_file("a", &path) {
                Ok(image) => {
                    assert!(is_allowed);
                    assert_eq!(image.base64_string, Some(STANDARD.encode(bytes)));
                }
                Err(error) => {
                    assert!(!is_allowed);
                    assert_eq!(error.kind(), ErrorKind::RefusedLocally);
                    assert!(error.to_string().contains("5000x4000 pixels"), "{error}");
                }
            }
        }
        png.clear();
        fs::write(&path, png).unwrap();
        let error = image_file("a", &path).unwrap_err();
        assert!(error.to_string().contains("not an image"), "{error}");
    }
}
