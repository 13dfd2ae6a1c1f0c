//! Small reads of what the kernel has in its caches: done at once where they are asked for, for they wait for nothing.
//!
//! Two threads handing one read to each other cost more than a small read does. The kernel is asked to refuse instead of
//! waiting, for the names (`RESOLVE_CACHED`) as for the content (`RWF_NOWAIT`), and to keep below the root (`RESOLVE_BENEATH`).
//! Whatever it refuses is done the long way, which says what is wrong. That holds for disks: opening a file of a file system that
//! asks somebody else, over a network or in user space, may wait whatever the kernel is asked, so there all goes the long way.
//!
//! The root is opened for all reads of a moment together, and let go after it, so that a disk can be unmounted once reads stop.

use futures::{StreamExt as _, future, stream};
use rustix::fs::{Mode, OFlags, ResolveFlags, fstat, openat2, statfs};
use rustix::io::{ReadWriteFlags, preadv2};
use std::fs::{File, Metadata};
use std::io::IoSliceMut;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use weir_core::location::Location;

use crate::conditions::{Conditions, Span, Verdict};
use crate::local::{LocalRoot, described};
use crate::stream::{Answer, Found};

/// With more, copying it would hold up other requests of the same thread.
const MOST: u64 = 64 << 10;
/// How long a root stays open.
const MOMENT: Duration = Duration::from_millis(100);
/// File systems of disks and of memory (statfs(2)): ext2 to ext4, XFS, Btrfs, ZFS, tmpfs, and overlayfs, which lies over those.
const LOCAL: [u64; 6] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x2fc1_2fc1,
    0x0102_1994,
    0x794c_7630,
];

/// The root while it is open, and since when.
pub(crate) type Held = Arc<Mutex<Option<(Instant, Arc<OwnedFd>)>>>;

impl LocalRoot {
    /// The answer to a read, where that is small and nothing has to be waited for.
    pub(crate) fn warm(
        &self,
        at: &Location,
        span: Span,
        conditions: &Conditions,
    ) -> Option<Answer> {
        let path = at.below(&self.root)?.join("/");
        let file = File::from(open(self.held_root()?.as_ref(), Path::new(&path))?);
        let meta = file.metadata().ok().filter(Metadata::is_file)?;
        let meta = described(at.clone(), &meta);
        if conditions.judge(&meta) != Verdict::Proceed {
            return None;
        }
        let range = span.of(meta.size)?;
        let length = usize::try_from(
            range
                .end
                .checked_sub(range.start)
                .filter(|length| *length <= MOST)?,
        )
        .ok()?;
        let mut content = vec![0; length];
        let read = preadv2(
            &file,
            &mut [IoSliceMut::new(&mut content)],
            range.start,
            ReadWriteFlags::NOWAIT,
        );
        if read.ok()? != length {
            return None;
        }
        let body = stream::once(future::ready(Ok(content.into()))).boxed();
        Some(Answer::Found(Found { meta, range, body }))
    }

    /// Keeps what the root was found to be, where it lies on a disk.
    pub(crate) fn prove(&self, root: &Path) {
        if self.proven.get().is_none()
            && is_local(root)
            && let Ok(meta) = std::fs::metadata(root)
        {
            // Whoever was first has found the same.
            let _ = self.proven.set((meta.dev(), meta.ino()));
        }
    }

    /// The root as it was a moment ago, or as it is now.
    fn held_root(&self) -> Option<Arc<OwnedFd>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((since, root)) = held.as_ref()
            && since.elapsed() < MOMENT
        {
            return Some(Arc::clone(root));
        }
        let root = Arc::new(self.proven_root()?);
        // Without a runtime nobody would let it go.
        if let Ok(runtime) = Handle::try_current() {
            *held = Some((Instant::now(), Arc::clone(&root)));
            let held = Arc::clone(&self.held);
            runtime.spawn(async move {
                tokio::time::sleep(MOMENT).await;
                *held.lock().unwrap_or_else(PoisonError::into_inner) = None;
            });
        }
        Some(root)
    }

    /// The root, where it still is the folder that was found to be one that may be read.
    fn proven_root(&self) -> Option<OwnedFd> {
        let proven = self.proven.get()?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = openat2(
            rustix::fs::CWD,
            &self.folder,
            flags,
            Mode::empty(),
            ResolveFlags::CACHED,
        )
        .ok()?;
        let stat = fstat(&root).ok()?;
        (*proven == (stat.st_dev, stat.st_ino)).then_some(root)
    }
}

fn is_local(folder: &Path) -> bool {
    let kind = statfs(folder).map(|found| u64::try_from(found.f_type));
    kind.is_ok_and(|kind| kind.is_ok_and(|kind| LOCAL.contains(&kind)))
}

fn open(root: &OwnedFd, path: &Path) -> Option<OwnedFd> {
    // A pipe would be waited for when it is opened.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_XDEV | ResolveFlags::NO_MAGICLINKS;
    let resolve = resolve | ResolveFlags::CACHED;
    openat2(root, path, flags, Mode::empty(), resolve).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;
    use std::os::unix::fs::symlink;
    use std::path::PathBuf;

    struct Lake {
        dir: tempfile::TempDir,
        root: LocalRoot,
    }

    impl Lake {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            std::fs::create_dir(dir.path().join("lake")).unwrap();
            std::fs::write(dir.path().join("secret"), b"secret").unwrap();
            std::fs::write(dir.path().join("lake/a"), b"0123456789").unwrap();
            let location = Location::parse("root", "s3://lake/w").unwrap();
            let root = LocalRoot::open(&location, dir.path().join("lake"), Vec::new()).unwrap();
            root.resolve_root().unwrap();
            Self { dir, root }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.dir.path().join(name)
        }

        fn warm(&self, name: &str, span: Span) -> Option<Answer> {
            let at = Location::parse("at", &format!("s3://lake/w/{name}")).unwrap();
            self.root.warm(&at, span, &Conditions::default())
        }
    }

    #[tokio::test]
    async fn a_small_read_of_what_is_known_waits_for_nothing() {
        let lake = Lake::new();
        for (span, bytes) in [
            (Span::All, "0123456789"),
            (Span::Between(2, 5), "234"),
            (Span::Last(3), "789"),
        ] {
            let Some(Answer::Found(found)) = lake.warm("a", span) else {
                panic!("{span:?} was not there");
            };
            let pieces: Vec<_> = found.body.try_collect().await.unwrap();
            assert_eq!(pieces.concat(), bytes.as_bytes());
        }
    }

    #[test]
    fn everything_else_is_done_the_long_way() {
        let lake = Lake::new();
        std::fs::write(lake.path("lake/large"), vec![0; 65 << 10]).unwrap();
        std::fs::create_dir(lake.path("lake/folder")).unwrap();
        symlink(lake.path("secret"), lake.path("lake/out")).unwrap();
        symlink("../secret", lake.path("lake/up")).unwrap();
        symlink(lake.path(""), lake.path("lake/folder/out")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(lake.path("lake/pipe"))
            .status();
        assert!(fifo.unwrap().success());
        for name in [
            "large",
            "folder",
            "absent",
            "out",
            "up",
            "folder/out/secret",
            "pipe",
        ] {
            assert!(lake.warm(name, Span::All).is_none(), "{name}");
        }
        assert!(lake.warm("a", Span::From(10)).is_none());
    }

    #[tokio::test]
    async fn a_root_that_became_another_folder_is_looked_at_again() {
        let lake = Lake::new();
        assert!(lake.warm("a", Span::All).is_some());
        assert!(lake.root.held.lock().unwrap().is_some());
        std::fs::rename(lake.path("lake"), lake.path("before")).unwrap();
        tokio::time::sleep(MOMENT * 2).await;
        assert!(lake.root.held.lock().unwrap().is_none(), "It is let go.");
        assert!(lake.warm("a", Span::All).is_none());
        std::fs::create_dir(lake.path("elsewhere")).unwrap();
        std::fs::write(lake.path("elsewhere/a"), b"other").unwrap();
        symlink(lake.path("elsewhere"), lake.path("lake")).unwrap();
        assert!(lake.warm("a", Span::All).is_none());
    }
}
