//! Recognizes, by host and path, pages that show or share a video. The platform cannot fetch these.

use url::Url;

/// A URL of a page, a player or a playlist rather than of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page {
    /// Name of the service, such as `Google Drive`.
    pub service: &'static str,
    /// Kind of the page, such as `a share page`.
    pub what: &'static str,
    /// What to do instead, as a clause.
    pub instead: String,
}

/// Advice if the service offers no direct URL.
const DOWNLOAD: &str = "download the video, if you have the right to, and pass the file";

/// Advice if the file is in cloud storage.
const BUCKET: &str = "download the file and pass it, or store it where it has a direct URL, such as a presigned URL of a bucket";

/// How the URLs of a service are recognized.
struct Service {
    name: &'static str,
    what: &'static str,
    /// Hosts, including all subdomains.
    hosts: &'static [&'static str],
    /// Path prefixes that serve files nevertheless.
    files: &'static [&'static str],
    instead: &'static str,
}

const fn service(
    name: &'static str,
    what: &'static str,
    hosts: &'static [&'static str],
    files: &'static [&'static str],
    instead: &'static str,
) -> Service {
    Service {
        name,
        what,
        hosts,
        files,
        instead,
    }
}

const SERVICES: [Service; 28] = [
    service(
        "Google Drive",
        "a share page",
        &["drive.google.com", "docs.google.com"],
        &[],
        BUCKET,
    ),
    service(
        "Google Photos",
        "an album page",
        &["photos.google.com", "photos.app.goo.gl"],
        &[],
        DOWNLOAD,
    ),
    service(
        "OneDrive",
        "a share page",
        &["onedrive.live.com", "1drv.ms"],
        &["/download"],
        BUCKET,
    ),
    service(
        "YouTube",
        "a watch page",
        &["youtube.com", "youtu.be", "youtube-nocookie.com"],
        &[],
        DOWNLOAD,
    ),
    service(
        "Vimeo",
        "a watch page",
        &["vimeo.com"],
        &["/external/", "/progressive_redirect/"],
        "use the direct file link of the video (paid plans: Video file links), or download it and pass the file",
    ),
    service(
        "Box",
        "a share page",
        &["box.com"],
        &["/shared/static/", "/public/static/"],
        "use the direct link of the file (ending in /shared/static/…), or download it and pass the file",
    ),
    service("iCloud", "a share page", &["icloud.com"], &[], DOWNLOAD),
    service(
        "WeTransfer",
        "a download page",
        &["wetransfer.com", "we.tl"],
        &[],
        DOWNLOAD,
    ),
    service("Loom", "a watch page", &["loom.com"], &[], DOWNLOAD),
    service("TikTok", "a watch page", &["tiktok.com"], &[], DOWNLOAD),
    service("Instagram", "a post", &["instagram.com"], &[], DOWNLOAD),
    service(
        "Facebook",
        "a post",
        &["facebook.com", "fb.watch"],
        &[],
        DOWNLOAD,
    ),
    service(
        "X",
        "a post",
        &["x.com", "twitter.com", "t.co"],
        &[],
        DOWNLOAD,
    ),
    service("Twitch", "a watch page", &["twitch.tv"], &[], DOWNLOAD),
    service(
        "Dailymotion",
        "a watch page",
        &["dailymotion.com", "dai.ly"],
        &[],
        DOWNLOAD,
    ),
    service(
        "Streamable",
        "a watch page",
        &["streamable.com"],
        &[],
        DOWNLOAD,
    ),
    service(
        "Frame.io",
        "a review page",
        &["frame.io", "f.io"],
        &[],
        DOWNLOAD,
    ),
    service(
        "MEGA",
        "a share page",
        &["mega.nz", "mega.io"],
        &[],
        DOWNLOAD,
    ),
    service(
        "Wistia",
        "a watch page",
        &["wistia.com", "wistia.net"],
        &["/deliveries/"],
        DOWNLOAD,
    ),
    service(
        "Bilibili",
        "a watch page",
        &["bilibili.com", "b23.tv"],
        &[],
        DOWNLOAD,
    ),
    service(
        "Reddit",
        "a post",
        &["reddit.com", "redd.it"],
        &[],
        DOWNLOAD,
    ),
    service("LinkedIn", "a post", &["linkedin.com"], &[], DOWNLOAD),
    service(
        "Zoom",
        "a recording page",
        &["zoom.us", "zoom.com"],
        &[],
        DOWNLOAD,
    ),
    service("Snapchat", "a post", &["snapchat.com"], &[], DOWNLOAD),
    service(
        "Pinterest",
        "a post",
        &["pinterest.com", "pin.it"],
        &[],
        DOWNLOAD,
    ),
    service("Rumble", "a watch page", &["rumble.com"], &[], DOWNLOAD),
    service(
        "AWS console",
        "a console page",
        &["console.aws.amazon.com"],
        &[],
        "create a presigned URL of the object: aws s3 presign s3://BUCKET/KEY",
    ),
    service(
        "Google Cloud console",
        "a page that asks for a login",
        &["console.cloud.google.com", "storage.cloud.google.com"],
        &[],
        "create a signed URL of the object: gcloud storage sign-url gs://BUCKET/OBJECT",
    ),
];

/// Subdomains of the hosts above that serve files.
const FILE_HOSTS: [&str; 5] = [
    "v.redd.it",
    "video.twimg.com",
    "embed-ssl.wistia.com",
    "dl.boxcloud.com",
    "download.api.box.com",
];

/// The page that `url` refers to, if it is known to be one. `None` does not mean that the URL is a
/// file.
pub fn page(url: &Url) -> Option<Page> {
    let is = |service, what, instead: &str| {
        Some(Page {
            service,
            what,
            instead: instead.to_owned(),
        })
    };
    let path = url.path();
    match url.scheme() {
        "http" | "https" => {}
        "s3" => {
            return is(
                "S3",
                "the name of an object",
                "create a presigned URL of it: aws s3 presign s3://BUCKET/KEY",
            );
        }
        "gs" => {
            return is(
                "Google Cloud Storage",
                "the name of an object",
                "create a signed URL of it: gcloud storage sign-url gs://BUCKET/OBJECT",
            );
        }
        _ => return None,
    }
    let host = url.host_str()?.trim_end_matches('.');
    let below = |domain: &str| {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    let says = |key: &str, value: &str| url.query_pairs().any(|(k, v)| k == key && v == value);
    if FILE_HOSTS.contains(&host) {
        return None;
    }
    if below("dropbox.com") {
        if says("dl", "1") || says("raw", "1") {
            return None;
        }
        return is(
            "Dropbox",
            "a share page",
            "replace dl=0 with dl=1 at the end of the link, so that it leads to the file",
        );
    }
    if below("sharepoint.com") {
        if says("download", "1") || path.contains("/_layouts/15/download.aspx") {
            return None;
        }
        return is(
            "SharePoint",
            "a share page",
            "add download=1 to the link's query if the file is shared with anyone, or download the file and pass it",
        );
    }
    if below("github.com") && path.split('/').nth(3) == Some("blob") {
        return is(
            "GitHub",
            "a page about a file",
            "replace `blob` with `raw` in the link, so that it leads to the file",
        );
    }
    if below("huggingface.co") && path.contains("/blob/") {
        return is(
            "Hugging Face",
            "a page about a file",
            "replace `blob` with `resolve` in the link, so that it leads to the file",
        );
    }
    for service in &SERVICES {
        if service.hosts.iter().any(|domain| below(domain))
            && !service.files.iter().any(|file| path.starts_with(file))
        {
            // Drive's download URL serves the file, but asks for confirmation if the file is too
            // large for its virus scan.
            return is(service.name, service.what, service.instead);
        }
    }
    let ending = path
        .rsplit('.')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    match ending.as_str() {
        // The platform accepts HLS manifests of recordings, and documents no other kind.
        "mpd" => is(
            "DASH",
            "a manifest",
            "convert it to one file: ffmpeg -i MANIFEST -c copy out.mp4",
        ),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn pages_are_distinguished_from_files() {
        for (url, service) in [
            (
                "https://drive.google.com/file/d/1AbC/view?usp=sharing",
                Some("Google Drive"),
            ),
            (
                "https://drive.google.com/uc?export=download&id=1AbC",
                Some("Google Drive"),
            ),
            (
                "https://www.dropbox.com/s/abc/clip.mp4?dl=0",
                Some("Dropbox"),
            ),
            (
                "https://www.dropbox.com/scl/fi/abc/clip.mp4?rlkey=x&dl=1",
                None,
            ),
            ("https://dl.dropboxusercontent.com/s/abc/clip.mp4", None),
            ("https://1drv.ms/v/s!AbC", Some("OneDrive")),
            ("https://onedrive.live.com/?id=1", Some("OneDrive")),
            ("https://onedrive.live.com/download?id=1", None),
            (
                "https://firm.sharepoint.com/:v:/g/personal/x/EabC",
                Some("SharePoint"),
            ),
            (
                "https://firm.sharepoint.com/:v:/g/personal/x/EabC?download=1",
                None,
            ),
            ("https://www.youtube.com/watch?v=abc", Some("YouTube")),
            ("https://m.youtube.com/shorts/abc", Some("YouTube")),
            ("https://youtu.be/abc", Some("YouTube")),
            ("https://vimeo.com/12345", Some("Vimeo")),
            ("https://player.vimeo.com/video/12345", Some("Vimeo")),
            (
                "https://player.vimeo.com/progressive_redirect/playback/1/rendition/1080p/file.mp4",
                None,
            ),
            ("https://app.box.com/s/abc", Some("Box")),
            ("https://app.box.com/shared/static/abc.mp4", None),
            ("https://photos.app.goo.gl/abc", Some("Google Photos")),
            ("https://www.icloud.com/iclouddrive/abc", Some("iCloud")),
            ("https://we.tl/t-abc", Some("WeTransfer")),
            ("https://www.loom.com/share/abc", Some("Loom")),
            ("https://vm.tiktok.com/abc", Some("TikTok")),
            ("https://www.instagram.com/reel/abc/", Some("Instagram")),
            ("https://fb.watch/abc/", Some("Facebook")),
            ("https://x.com/a/status/1", Some("X")),
            ("https://video.twimg.com/ext_tw_video/1/pu/vid/a.mp4", None),
            ("https://github.com/a/b/blob/main/clip.mp4", Some("GitHub")),
            ("https://github.com/a/b/raw/main/clip.mp4", None),
            (
                "https://huggingface.co/datasets/a/b/blob/main/clip.mp4",
                Some("Hugging Face"),
            ),
            (
                "https://s3.console.aws.amazon.com/s3/object/b?prefix=k",
                Some("AWS console"),
            ),
            (
                "https://us-east-1.console.aws.amazon.com/s3/object/b",
                Some("AWS console"),
            ),
            ("s3://bucket/key.mp4", Some("S3")),
            ("gs://bucket/key.mp4", Some("Google Cloud Storage")),
            ("https://cdn.example.com/vod/index.m3u8?token=1", None),
            ("https://cdn.example.com/vod/manifest.MPD", Some("DASH")),
            ("https://notyoutube.com/watch?v=abc", None),
            ("https://youtube.com.example.org/a.mp4", None),
            ("https://example.com/youtube.com/a.mp4", None),
            ("https://bucket.s3.amazonaws.com/clip.mp4", None),
            ("ftp://example.com/a.mp4", None),
            ("data:video/mp4;base64,AAAA", None),
        ] {
            let parsed = url.parse().expect("a URL");
            let found = page(&parsed);
            assert_eq!(found.as_ref().map(|page| page.service), service, "{url}");
            assert!(found.is_none_or(|page| page.instead.len() > 20), "{url}");
        }
    }
}
