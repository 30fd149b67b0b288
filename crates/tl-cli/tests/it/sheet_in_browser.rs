//! The contact sheet of `tl search --sheet` in Chromium: themes, contrast, width and names.

use std::fs;
use std::path::Path;
use std::process::Command;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tl_emulator::{Answers, Schedule};

use crate::clips;
use crate::platform::Platform;

const TITLE: &str = "goal <b>in</b> the \"rain\" & snow";
const LONG: &str =
    "a_match_with_a_very_long_name_without_any_space_that_does_not_fit_in_a_line.mp4";

#[test]
fn sheet_is_readable_in_both_themes_and_on_a_phone() {
    let folder = clips::folder(&["good.mp4"]);
    fs::rename(folder.path().join("good.mp4"), folder.path().join(LONG)).unwrap();
    let sidecar = json!({
        "segments": [
            {"start": 1.2, "end": 2.2, "text": "A goal in the rain."},
            {"start": 2.4, "end": 3.4, "text": "Snow on the goal."},
        ],
        "transcript": [{"start": 1.4, "end": 2.0, "text": "<i>What</i> a strike!"}],
    });
    let mut answers = Answers::new();
    let added = answers.add_sidecar(LONG, None, &sidecar.to_string());
    added.unwrap();
    let platform = Platform::with(|builder| builder.answers(answers).schedule(Schedule::INSTANT));
    let run = |words: &[&str]| platform.tl(words).in_folder(folder.path()).code(0);
    run(&["ingest", LONG, "--index", "films", "--quiet"]);
    let search = ["search", TITLE, "--index", "films", "--on", "visual"];
    run(&[&search[..], &["--source", ".", "--sheet", "local.html"]].concat());
    // Without the files there are no pictures: the emulator has made none.
    run(&[&search[..], &["--sheet", "bare.html"]].concat());

    for page in ["local.html", "bare.html"] {
        let mut backgrounds = Vec::new();
        for (is_dark, width) in [(false, 1200), (true, 1200), (false, 360), (true, 360)] {
            let seen = look(folder.path(), page, is_dark, width);
            let name = format!("{page}, dark: {is_dark}, {width}: {seen}");
            assert_eq!(seen["width"], width, "{name}");
            assert_eq!(seen["isDark"], is_dark, "{name}");
            assert_eq!(seen["pale"], json!([]), "{name}");
            assert_eq!(seen["fits"], true, "{name}");
            assert_eq!(seen["title"], TITLE, "{name}");
            let pictures = if page == "local.html" { 2 } else { 0 };
            assert_eq!(seen["pictures"], pictures, "{name}");
            assert_eq!(seen["results"], 2, "{name}");
            assert_eq!(seen["markup"], 0, "{name}");
            assert_eq!(seen["outside"], json!([]), "{name}");
            backgrounds.push(seen["background"].clone());
        }
        assert_ne!(backgrounds[0], backgrounds[1]);
    }
}

/// What Chromium shows of a page. A copy of the page has a script that looks at it, and is shown in a
/// frame, because windows of Chromium are never as narrow as a phone.
fn look(folder: &Path, page: &str, is_dark: bool, width: u32) -> Value {
    let shared = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../tl-emulator/tests/it/pale.js"
    );
    let pale = fs::read_to_string(shared).expect("the script of the other pages");
    let html = fs::read_to_string(folder.join(page)).unwrap();
    let probe = format!(
        "<script>addEventListener('load', () => {{
          const seen = {{
            width: innerWidth,
            isDark: matchMedia('(prefers-color-scheme: dark)').matches,
            pale: {pale},
            fits: document.documentElement.scrollWidth <= innerWidth,
            title: document.querySelector('h1').innerText,
            pictures: [...document.images].filter((one) => one.naturalWidth && one.alt).length,
            results: document.querySelectorAll('li').length,
            markup: document.querySelectorAll('main b, main i, li b, li i, h1 b').length,
            outside: [...document.querySelectorAll('li *')].filter((one) =>
              one.getBoundingClientRect().right > one.closest('li').getBoundingClientRect().right + 1)
              .map((one) => one.tagName),
            background: getComputedStyle(document.body).backgroundColor,
          }};
          parent.postMessage(JSON.stringify(seen), '*');
        }});</script>"
    );
    fs::write(folder.join("seen.html"), html + &probe).unwrap();
    let frame = format!(
        "<!doctype html><meta name=\"color-scheme\" content=\"light dark\"><title></title>
        <script>addEventListener('message', ({{ data }}) => {{
          document.title = btoa(String.fromCharCode(...new TextEncoder().encode(data)));
        }});</script>
        <iframe src=\"seen.html\" style=\"width:{width}px;height:800px;border:0\"></iframe>"
    );
    let page = folder.join("frame.html");
    fs::write(&page, frame).unwrap();
    let url = url::Url::from_file_path(&page).unwrap();
    let named = std::env::var("CHROMIUM").ok();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let names = named.as_deref().map_or(names.to_vec(), |name| vec![name]);
    let ended = names.iter().find_map(|name| {
        let mut browser = Command::new(name);
        browser.args(["--headless=new", "--no-first-run", "--disable-gpu"]);
        // Containers have no user namespaces for the sandbox. Only this page is opened.
        browser.args([
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ]);
        browser.arg(format!(
            "--user-data-dir={}",
            folder.join("profile").display()
        ));
        browser.arg("--window-size=1300,900");
        if is_dark {
            browser.arg("--blink-settings=preferredColorScheme=0");
        }
        browser.args(["--dump-dom", url.as_str()]).output().ok()
    });
    let ended = ended.expect("Chromium; set CHROMIUM to its path");
    let dom = String::from_utf8_lossy(&ended.stdout);
    let title = dom
        .split_once("<title>")
        .and_then(|(_, rest)| rest.split_once("</title>"));
    let (seen, _) = title.unwrap_or_else(|| panic!("{ended:?}"));
    let bytes = STANDARD.decode(seen).unwrap_or_else(|_| panic!("{dom}"));
    serde_json::from_slice(&bytes).unwrap()
}
