//! Tarball and `.deb` in a chroot with the smallest Debian, made by debootstrap. Needs root.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use xshell::cmd;

use super::{Clips, FIRST_USE, shell};
use crate::package::SUMS;
use crate::workspace::Workspace;

/// Debian 11 has glibc 2.31, older than that of Debian 12, where the programs are built.
const RELEASE: &str = "bullseye";
const MIRROR: &str = "http://deb.debian.org/debian";

struct Chroot {
    root: PathBuf,
}

impl Chroot {
    /// A fresh copy of the base system, which is made once.
    fn fresh(workspace: &Workspace) -> Result<Self> {
        let sh = &workspace.sh;
        let user = cmd!(sh, "id --user").quiet().read()?;
        ensure!(
            user == "0",
            "a chroot needs root\n  hint: run it as root, in a container or a virtual machine"
        );
        let base = workspace.folder.join(format!("chroot-{RELEASE}"));
        let finished = base.join("finished");
        if !finished.exists() {
            sh.remove_path(&base)?;
            let tree = base.join("root");
            cmd!(
                sh,
                "debootstrap --variant=minbase {RELEASE} {tree} {MIRROR}"
            )
            .quiet()
            .ignore_stdout()
            .run()
            .context("debootstrap failed; it is in the package `debootstrap`")?;
            sh.write_file(&finished, "")?;
        }
        let root = workspace.fresh("chroot")?.join("root");
        let tree = base.join("root");
        cmd!(sh, "cp --archive {tree} {root}").quiet().run()?;
        Ok(Self { root })
    }

    /// Runs a line in a shell in the folder `/work` of the chroot, with its own processes and no
    /// network.
    fn run(&self, line: &str, code: i32) -> Result<String> {
        let enter =
            "mount -t proc proc \"$0/proc\"; exec chroot \"$0\" /bin/sh -c \"cd /work; $1\"";
        // The loopback device of a new network is down.
        let script = format!("ip link set lo up && {enter}");
        let root = self.root.display().to_string();
        let unshare = [
            "unshare",
            "--fork",
            "--pid",
            "--mount",
            "--net",
            "--kill-child",
        ];
        let wrapper: Vec<String> = unshare
            .into_iter()
            .chain(["sh", "-c", &script, &root])
            .map(String::from)
            .collect();
        let variables = [
            (
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned(),
            ),
            ("HOME", "/root".to_owned()),
            ("LC_ALL", "C.UTF-8".to_owned()),
        ];
        shell::expect(&wrapper, &variables, line, code)
    }

    fn prepare(&self, workspace: &Workspace, files: &[&Path], clips: &Clips) -> Result<()> {
        let work = self.root.join("work");
        workspace.sh.create_dir(&work)?;
        for file in files {
            workspace.sh.copy_file(file, &work)?;
        }
        clips.copy_to(workspace, &work)
    }

    fn first_use(&self) -> Result<()> {
        for (line, code) in FIRST_USE {
            self.run(line, code)?;
        }
        // Nothing but the C library's own files, and none at all for the helper.
        let needed = self.run("ldd $(command -v tl) | sed 's/ (0x.*//'", 0)?;
        for line in needed.lines() {
            let is_of_libc = [
                "linux-vdso",
                "libc.so",
                "libm.so",
                "libdl.so",
                "libpthread.so",
                "librt.so",
                "libutil.so",
                "ld-linux",
                "libresolv.so",
            ]
            .iter()
            .any(|name| line.contains(name));
            ensure!(is_of_libc, "tl needs {line}");
        }
        self.run("ldd $(command -v tl-probe) | grep 'statically linked'", 0)?;
        Ok(())
    }
}

pub(super) fn tarball(workspace: &Workspace, archive: &Path, clips: &Clips) -> Result<()> {
    let packages = workspace.packages();
    let (sums, script) = (packages.join(SUMS), packages.join("install.sh"));
    let chroot = Chroot::fresh(workspace)?;
    chroot.prepare(workspace, &[archive, &sums, &script], clips)?;
    chroot.run("cat /etc/debian_version; ldd --version | head -n 1", 0)?;
    chroot.run("! command -v ffmpeg", 0)?;
    chroot.run("./install.sh --from /work", 0)?;
    chroot.first_use()?;
    chroot.run(
        "ls /usr/local/share/man/man1/tl.1 /usr/local/share/bash-completion/completions/tl",
        0,
    )?;
    // A changed archive is refused and installs nothing. A shell expands no pattern after `>>`.
    let name = archive.file_name().unwrap_or_default().to_string_lossy();
    chroot.run(
        &format!("printf x >> {name}; ./install.sh --from /work --prefix /opt/other"),
        1,
    )?;
    chroot.run("test ! -e /opt/other", 0)?;
    Ok(())
}

pub(super) fn deb(workspace: &Workspace, package: &Path, clips: &Clips) -> Result<()> {
    let chroot = Chroot::fresh(workspace)?;
    chroot.prepare(workspace, &[package], clips)?;
    chroot.run("dpkg --install *.deb", 0)?;
    chroot.run(
        "dpkg --status twelvelabs-cli | grep -E '^(Status|Version|Installed-Size|Depends)'",
        0,
    )?;
    chroot.first_use()?;
    chroot.run("dpkg --verify twelvelabs-cli", 0)?;
    chroot.run("dpkg --purge twelvelabs-cli && ! command -v tl", 0)?;
    Ok(())
}

/// The recipe of the image without a container engine: its set-up, its user, its health check.
pub(super) fn container(workspace: &Workspace, archive: &Path, clips: &Clips) -> Result<()> {
    let packages = workspace.packages();
    let recipe = workspace.root.join("dist/container");
    let files = [
        archive.to_owned(),
        packages.join(SUMS),
        packages.join("install.sh"),
        recipe.join("set-up.sh"),
        recipe.join("health.sh"),
    ];
    let chroot = Chroot::fresh(workspace)?;
    let files: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    chroot.prepare(workspace, &files, clips)?;
    // Without network: the certificates are those of an image that has them.
    let certificates = "/etc/ssl/certs/ca-certificates.crt";
    let there = chroot.root.join(certificates.trim_start_matches('/'));
    // The smallest Debian has no such folder.
    workspace
        .sh
        .create_dir(there.parent().context("the file is in a folder")?)?;
    workspace.sh.copy_file(certificates, there)?;
    chroot.run("./set-up.sh /work", 0)?;
    chroot.run("id tl; stat --format='%U %a %n' /usr/local/bin/tl", 0)?;
    // An engine sets the home folder of the user of the image.
    let user = "env HOME=/var/lib/tl setpriv --reuid tl --regid tl --clear-groups --no-new-privs";
    chroot.run(&format!("{user} tl validate good.mp4"), 0)?;
    chroot.run(&format!("{user} sh -c 'touch /usr/local/bin/x'"), 1)?;
    chroot.run(&format!("{user} tl-container-health"), 0)?;
    // The health check looks at the first process of the container, which is a shell here.
    let health = "TL_HEALTH_OF=emulator tl-container-health";
    chroot.run(
        &format!("{user} sh -c 'tl emulator --port 8899 & sleep 2; {health} && kill $!'"),
        0,
    )?;
    chroot.run(&format!("{user} sh -c '{health}'"), 1)?;
    Ok(())
}
