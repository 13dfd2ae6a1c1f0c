//! Reads of what the kernel has in its caches: done at once where they are asked for, for they wait for nothing.
//!
//! Two threads handing one read to each other cost more than a small read does, and a piece of a large one is sent from the
//! processor's own cache by the thread that read it. The kernel is asked to refuse instead of
//! waiting, for the names (`RESOLVE_CACHED`) as for the content (`RWF_NOWAIT`), and to keep below the root (`RESOLVE_BENEATH`).
//! Whatever it refuses is done the long way, which says what is wrong. That holds for disks: opening a file of a file system that
//! asks somebody else, over a network or in user space, may wait whatever the kernel is asked, so there all goes the long way.
//!
//! A large read is done so for as long as the kernel does not refuse.
//!
//! The root is opened for all reads of a moment together, and let go after it, so that a disk can be unmounted once reads stop.

use bytes::{Bytes, BytesMut};
use futures::{StreamExt as _, future, stream};
use rustix::fs::{Mode, OFlags, ResolveFlags, fstat, openat2, statfs};
use rustix::io::{ReadWriteFlags, preadv2};
use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io::IoSliceMut;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Handle;
use weir_core::location::Location;

use crate::conditions::{Conditions, Span, Verdict};
use crate::local::{LocalRoot, described};
use crate::local_stream::read_ahead;
use crate::stream::{Answer, Body, Found};

/// Read at once. With more, copying it would hold up other requests of the same thread, and fall out of the processor's cache.
const PIECE: usize = 64 << 10;
/// Read before other requests of the same thread have their turn.
const TURN: usize = 16;
/// Pieces under way to the client that are looked after, to be read into again.
const UNDER_WAY: usize = 8;
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
    /// The answer to a read, where nothing has to be waited for before its first piece.
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
        let mut pieces = Pieces {
            file,
            rest: range.clone(),
            turn: 0,
            under_way: VecDeque::new(),
        };
        let first = stream::once(future::ready(Ok(pieces.read()?)));
        let body = match pieces.rest.is_empty() {
            true => first.boxed(),
            false => first.chain(pieces.body(at.clone())).boxed(),
        };
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

/// A range of a file, piece by piece.
struct Pieces {
    file: File,
    rest: Range<u64>,
    /// Read since others had their turn.
    turn: usize,
    under_way: VecDeque<Bytes>,
}

/// Where the next piece comes from.
enum Source {
    Warm(Pieces, Location),
    Ahead(Body),
}

impl Pieces {
    /// The next piece; none where it would have to be waited for, or the file ends before it.
    fn read(&mut self) -> Option<Bytes> {
        let left = self.rest.end.saturating_sub(self.rest.start);
        let length = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        let mut content = self.buffer().unwrap_or_else(|| BytesMut::zeroed(length));
        content.resize(length, 0);
        let read = preadv2(
            &self.file,
            &mut [IoSliceMut::new(&mut content)],
            self.rest.start,
            ReadWriteFlags::NOWAIT,
        );
        if read.ok()? != length {
            return None;
        }
        self.rest.start += length as u64;
        let content = content.freeze();
        if !self.rest.is_empty() {
            self.under_way.push_back(content.clone());
        }
        Some(content)
    }

    /// That of the oldest piece, once it is sent. Memory that is given back has to be found anew, and cleared.
    fn buffer(&mut self) -> Option<BytesMut> {
        match self.under_way.pop_front()?.try_into_mut() {
            Ok(sent) => Some(sent),
            Err(oldest) => {
                if self.under_way.len() + 1 < UNDER_WAY {
                    self.under_way.push_front(oldest);
                }
                None
            }
        }
    }

    /// All that is left: read at once for as long as it can be, and then ahead of being sent.
    fn body(self, at: Location) -> Body {
        let next = |source| async {
            let mut ahead = match source {
                Source::Warm(pieces, _) if pieces.rest.is_empty() => return None,
                Source::Warm(mut pieces, at) => {
                    pieces.turn += 1;
                    if pieces.turn == TURN {
                        pieces.turn = 0;
                        tokio::task::yield_now().await;
                    }
                    match pieces.read() {
                        Some(piece) => return Some((Ok(piece), Source::Warm(pieces, at))),
                        None => read_ahead(pieces.file, at, pieces.rest),
                    }
                }
                Source::Ahead(ahead) => ahead,
            };
            let piece = ahead.next().await?;
            Some((piece, Source::Ahead(ahead)))
        };
        stream::unfold(Source::Warm(self, at), next).boxed()
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

    impl Lake {
        /// Longer than what is under way at any time, and no two pieces of it alike.
        fn large(&self) -> Vec<u8> {
            let content: Vec<u8> = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
            std::fs::write(self.path("lake/large"), &content).unwrap();
            content
        }

        fn body(&self, name: &str, span: Span) -> Body {
            match self.warm(name, span) {
                Some(Answer::Found(found)) => found.body,
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_large_read_comes_in_pieces_that_stay_what_they_are() {
        let lake = Lake::new();
        let content = lake.large();
        for (from, to) in [
            (0, 4_000_000),
            (1, 65_537),
            (3, 65_540),
            (123_457, 3_999_999),
        ] {
            let body = lake.body("large", Span::Between(from as u64, to as u64));
            // All are kept to the end, so that none may be written over.
            let pieces: Vec<_> = body.try_collect().await.unwrap();
            assert!(pieces.len() > 1 || to - from <= PIECE);
            assert!(pieces.concat() == content[from..to], "{from}..{to}");
        }
    }

    #[tokio::test]
    async fn what_is_sent_is_read_into_again() {
        let lake = Lake::new();
        let content = lake.large();
        let (mut body, mut at) = (lake.body("large", Span::All), 0);
        let (mut places, mut last) = (std::collections::HashSet::new(), Bytes::new());
        while let Some(piece) = body.try_next().await.unwrap() {
            assert!(content[at..].starts_with(&piece));
            at += piece.len();
            places.insert(piece.as_ptr());
            last = piece;
        }
        assert_eq!((at, content.ends_with(&last)), (content.len(), true));
        assert!(places.len() <= 3, "{} for {at} bytes", places.len());
    }

    #[tokio::test]
    async fn what_has_to_be_waited_for_in_between_is_waited_for() {
        let lake = Lake::new();
        let content = lake.large();
        let mut body = lake.body("large", Span::All);
        let mut seen = body.try_next().await.unwrap().unwrap().to_vec();
        // A file system in memory keeps it.
        let file = File::open(lake.path("lake/large")).unwrap();
        file.sync_all().unwrap();
        rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).unwrap();
        while let Some(piece) = body.try_next().await.unwrap() {
            seen.extend_from_slice(&piece);
        }
        assert!(seen == content);
    }

    #[tokio::test]
    async fn a_file_that_is_cut_short_meanwhile_is_an_error() {
        let lake = Lake::new();
        lake.large();
        let body = lake.body("large", Span::All);
        let file = File::options().write(true).open(lake.path("lake/large"));
        file.unwrap().set_len(200_000).unwrap();
        let pieces: Vec<_> = body.collect().await;
        assert!(pieces.last().unwrap().is_err());
    }

    #[test]
    fn everything_else_is_done_the_long_way() {
        let lake = Lake::new();
        std::fs::create_dir(lake.path("lake/folder")).unwrap();
        symlink(lake.path("secret"), lake.path("lake/out")).unwrap();
        symlink("../secret", lake.path("lake/up")).unwrap();
        symlink(lake.path(""), lake.path("lake/folder/out")).unwrap();
        let fifo = std::process::Command::new("mkfifo")
            .arg(lake.path("lake/pipe"))
            .status();
        assert!(fifo.unwrap().success());
        for name in ["folder", "absent", "out", "up", "folder/out/secret", "pipe"] {
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
