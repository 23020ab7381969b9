using System;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Text.RegularExpressions;
using System.Threading;

namespace Vitrine
{
    /// <summary>
    /// The mapping of one connection. A slot begins with 64 bytes of header, little-endian: u64 sequence at 0, u32
    /// length at 8; its payload follows. Lives until the connection and every reply that still reads from it let go.
    /// </summary>
    internal sealed unsafe class SharedMap
    {
        internal const int HeaderBytes = 64;

        private const long MaxBytes = 1L << 33;

        private readonly MemoryMappedFile _file;
        private readonly MemoryMappedViewAccessor _view;
        private readonly byte* _base;
        private readonly long _slotBytes;
        private int _users = 1;

        private SharedMap(MemoryMappedFile file, ShmOffer offer)
        {
            _file = file;
            _view = file.CreateViewAccessor(0, offer.Bytes, MemoryMappedFileAccess.ReadWrite);
            byte* pointer = null;
            _view.SafeMemoryMappedViewHandle.AcquirePointer(ref pointer);
            _base = pointer;
            _slotBytes = offer.SlotBytes;
        }

        /// <summary>Throws <see cref="RemoteProtocolException"/> for an offer whose sizes or name cannot be.</summary>
        internal static void Check(ShmOffer offer)
        {
            long slots = (long)offer.Up + offer.Down;
            bool sizes = offer.Up >= 0 && offer.Down >= 0 && slots > 0 && slots <= 1024 && offer.SlotBytes > HeaderBytes
                && offer.SlotBytes % 8 == 0 && offer.Bytes <= MaxBytes && offer.SlotBytes <= offer.Bytes / slots;
            bool name = Regex.IsMatch(offer.Name, "^/proc/[0-9]{1,10}/fd/[0-9]{1,10}\\z")
                || Regex.IsMatch(offer.Name, @"^Local\\vitrine-[0-9a-f]{32}\z");
            if (!sizes || !name)
            {
                throw new RemoteProtocolException("the server offers shared memory with impossible sizes or name");
            }
        }

        /// <summary>
        /// Opens what the server of this process id offers; null where it cannot be mapped: bytes then go inline.
        /// </summary>
        internal static SharedMap TryOpen(ShmOffer offer, int serverPid, out string why)
        {
            why = null;
            MemoryMappedFile file = null;
            try
            {
                file = Open(offer, serverPid);
                return new SharedMap(file, offer);
            }
            catch (IOException error) { why = error.Message; }
            catch (UnauthorizedAccessException error) { why = error.Message; }
            catch (PlatformNotSupportedException error) { why = error.Message; }
            if (file != null)
            {
                file.Dispose();
            }
            return null;
        }

        /// <summary>One more reader; false when the mapping is closed already.</summary>
        internal bool TryAddUser()
        {
            int users = Volatile.Read(ref _users);
            while (users > 0)
            {
                int seen = Interlocked.CompareExchange(ref _users, users + 1, users);
                if (seen == users) { return true; }
                users = seen;
            }
            return false;
        }

        /// <summary>The last one that lets go unmaps.</summary>
        internal void Release()
        {
            if (Interlocked.Decrement(ref _users) == 0)
            {
                _view.SafeMemoryMappedViewHandle.ReleasePointer();
                _view.Dispose();
                _file.Dispose();
            }
        }

        /// <summary>
        /// Fills a slot that the caller owns: sequence 0, payload, length, new sequence, each visible in that order.
        /// </summary>
        internal void Write(in ShmReference reference, in ImageFrame frame)
        {
            byte* slot = _base + reference.Slot * _slotBytes;
            Volatile.Write(ref *(long*)slot, 0);
            Thread.MemoryBarrier();
            frame.CopyTo(slot + HeaderBytes);
            *(uint*)(slot + 8) = reference.Length;
            Thread.MemoryBarrier();
            Volatile.Write(ref *(long*)slot, (long)reference.Sequence);
        }

        /// <summary>
        /// Copies a slot's payload to private memory. Throws <see cref="VitrineException"/> (<c>bad_request</c>) when
        /// the header does not fit the reference before or after.
        /// </summary>
        internal void Read(in ShmReference reference, byte* target)
        {
            byte* slot = _base + reference.Slot * _slotBytes;
            Expect(slot, reference);
            Buffer.MemoryCopy(slot + HeaderBytes, target, reference.Length, reference.Length);
            Thread.MemoryBarrier();
            Expect(slot, reference);
        }

        private static void Expect(byte* slot, in ShmReference reference)
        {
            ulong sequence = (ulong)Volatile.Read(ref *(long*)slot);
            uint length = Volatile.Read(ref *(uint*)(slot + 8));
            if (sequence != reference.Sequence || length != reference.Length)
            {
                throw new VitrineException(
                    VitrineCodes.BadRequest, "The picture in shared memory was overwritten; ask for it again.");
            }
        }

        private static MemoryMappedFile Open(ShmOffer offer, int serverPid)
        {
            if (offer.Name[0] != '/')
            {
                return MemoryMappedFile.OpenExisting(offer.Name, MemoryMappedFileRights.ReadWrite);
            }
            if (!offer.Name.StartsWith("/proc/" + serverPid + "/", StringComparison.Ordinal))
            {
                throw new IOException("the shared memory belongs to another process than the server");
            }
            var stream = new FileStream(offer.Name, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
            try
            {
                if (stream.Length != offer.Bytes)
                {
                    throw new IOException("the shared memory is not as large as offered");
                }
                return MemoryMappedFile.CreateFromFile(
                    stream, null, offer.Bytes, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, false);
            }
            catch (IOException)
            {
                stream.Dispose();
                throw;
            }
        }
    }
}
