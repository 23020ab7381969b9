using System.Collections;
using System.Collections.Generic;

namespace UnityEngine
{
    /// <summary>Place and parent; scales of parents are kept, rotated parents too.</summary>
    public class Transform : Component, IEnumerable
    {
        private readonly List<Transform> _children = new List<Transform>();
        private Transform _parent;

        public Vector3 localPosition { get; set; }

        public Quaternion localRotation { get; set; } = Quaternion.identity;

        public Vector3 localScale { get; set; } = Vector3.one;

        public Vector3 position
        {
            get { Check("get_position"); return _parent == null ? localPosition : _parent.TransformPoint(localPosition); }
            set { Check("set_position"); localPosition = _parent == null ? value : _parent.InverseTransformPoint(value); }
        }

        public Quaternion rotation
        {
            get { Check("get_rotation"); return _parent == null ? localRotation : _parent.rotation * localRotation; }
            set { localRotation = _parent == null ? value : Quaternion.Inverse(_parent.rotation) * value; }
        }

        public Vector3 lossyScale
        {
            get { return _parent == null ? localScale : Vector3.Scale(_parent.lossyScale, localScale); }
        }

        public Vector3 forward
        {
            get { return rotation * Vector3.forward; }
        }

        public Vector3 up
        {
            get { return rotation * Vector3.up; }
        }

        public Vector3 right
        {
            get { return rotation * Vector3.right; }
        }

        public Transform parent
        {
            get { Check("get_parent"); return _parent; }
            set { SetParent(value, true); }
        }

        public Transform root
        {
            get { return _parent == null ? this : _parent.root; }
        }

        public int childCount
        {
            get { Check("get_childCount"); return _children.Count; }
        }

        public Transform GetChild(int index)
        {
            return _children[index];
        }

        public Transform Find(string n)
        {
            return _children.Find(child => child.gameObject.name == n);
        }

        public bool IsChildOf(Transform parent)
        {
            return this == parent || (_parent != null && _parent.IsChildOf(parent));
        }

        public void SetParent(Transform p)
        {
            SetParent(p, true);
        }

        public void SetParent(Transform parent, bool worldPositionStays)
        {
            Check("SetParent");
            Vector3 where = position;
            Quaternion turned = rotation;
            if (!ReferenceEquals(_parent, null)) { _parent._children.Remove(this); }
            _parent = parent;
            if (parent != null) { parent._children.Add(this); }
            if (worldPositionStays)
            {
                position = where;
                rotation = turned;
            }
            Fakes.FakeScene.Refresh(gameObject);
        }

        public void SetPositionAndRotation(Vector3 position, Quaternion rotation)
        {
            this.position = position;
            this.rotation = rotation;
        }

        public Vector3 TransformPoint(Vector3 position)
        {
            return this.position + rotation * Vector3.Scale(lossyScale, position);
        }

        public Vector3 TransformDirection(Vector3 direction)
        {
            return rotation * direction;
        }

        public Vector3 InverseTransformPoint(Vector3 position)
        {
            Vector3 turned = Quaternion.Inverse(rotation) * (position - this.position), scale = lossyScale;
            return new Vector3(turned.x / scale.x, turned.y / scale.y, turned.z / scale.z);
        }

        public IEnumerator GetEnumerator()
        {
            return _children.GetEnumerator();
        }

        internal void CopyPlace(Transform other)
        {
            localPosition = other.localPosition;
            localRotation = other.localRotation;
            localScale = other.localScale;
        }

        internal void TakeOver(Transform other)
        {
            CopyPlace(other);
            _parent = other._parent;
            if (_parent != null) { _parent._children[_parent._children.IndexOf(other)] = this; }
            foreach (Transform child in other._children) { child._parent = this; }
            _children.AddRange(other._children);
            other.MarkDestroyed();
        }
    }

    public sealed class RectTransform : Transform
    {
        public Vector2 anchorMin { get; set; } = new Vector2(0.5f, 0.5f);

        public Vector2 anchorMax { get; set; } = new Vector2(0.5f, 0.5f);

        public Vector2 anchoredPosition { get; set; }

        public Vector2 sizeDelta { get; set; } = new Vector2(100, 100);

        public Vector2 pivot { get; set; } = new Vector2(0.5f, 0.5f);

        public Vector2 offsetMin { get; set; }

        public Vector2 offsetMax { get; set; }

        /// <summary>Without stretching anchors the size is the delta; with them it is the parent's and the delta.</summary>
        public Rect rect
        {
            get
            {
                var above = parent as RectTransform;
                Vector2 room = above == null ? Vector2.zero : above.rect.size;
                Vector2 span = anchorMax - anchorMin;
                Vector2 size = new Vector2(room.x * span.x, room.y * span.y) + sizeDelta;
                return new Rect(-pivot.x * size.x, -pivot.y * size.y, size.x, size.y);
            }
        }
    }
}
