namespace UnityEngine.UIElements
{
    public enum StyleKeyword
    {
        Undefined,
        Null,
        Auto,
        None,
        Initial
    }

    public enum DisplayStyle
    {
        Flex,
        None
    }

    public enum FlexDirection
    {
        Column,
        ColumnReverse,
        Row,
        RowReverse
    }

    public enum Wrap
    {
        NoWrap,
        Wrap,
        WrapReverse
    }

    public enum Align
    {
        Auto,
        FlexStart,
        Center,
        FlexEnd,
        Stretch
    }

    public enum WhiteSpace
    {
        Normal,
        NoWrap
    }

    public struct StyleLength
    {
        public StyleLength(float v)
        {
            pixels = v;
            keyword = StyleKeyword.Undefined;
        }

        public StyleLength(StyleKeyword keyword)
        {
            pixels = 0;
            this.keyword = keyword;
        }

        public StyleKeyword keyword { get; set; }

        internal float pixels;

        public static implicit operator StyleLength(float v)
        {
            return new StyleLength(v);
        }

        public static implicit operator StyleLength(StyleKeyword keyword)
        {
            return new StyleLength(keyword);
        }
    }

    public struct StyleFloat
    {
        public StyleFloat(float v)
        {
            value = v;
        }

        public float value { get; set; }

        public static implicit operator StyleFloat(float v)
        {
            return new StyleFloat(v);
        }
    }

    public struct StyleEnum<T> where T : struct
    {
        public StyleEnum(T v)
        {
            value = v;
        }

        public T value { get; set; }

        public static implicit operator StyleEnum<T>(T v)
        {
            return new StyleEnum<T>(v);
        }
    }

    public interface IStyle
    {
        StyleEnum<Align> alignItems { get; set; }

        StyleEnum<DisplayStyle> display { get; set; }

        StyleEnum<FlexDirection> flexDirection { get; set; }

        StyleFloat flexGrow { get; set; }

        StyleFloat flexShrink { get; set; }

        StyleEnum<Wrap> flexWrap { get; set; }

        StyleLength marginBottom { get; set; }

        StyleLength marginLeft { get; set; }

        StyleLength marginRight { get; set; }

        StyleLength marginTop { get; set; }

        StyleLength paddingBottom { get; set; }

        StyleLength paddingLeft { get; set; }

        StyleLength paddingRight { get; set; }

        StyleLength paddingTop { get; set; }

        StyleEnum<FontStyle> unityFontStyleAndWeight { get; set; }

        StyleEnum<WhiteSpace> whiteSpace { get; set; }

        StyleLength width { get; set; }

        StyleLength minWidth { get; set; }
    }

    internal sealed class FakeStyle : IStyle
    {
        public StyleEnum<Align> alignItems { get; set; }

        public StyleEnum<DisplayStyle> display { get; set; }

        public StyleEnum<FlexDirection> flexDirection { get; set; }

        public StyleFloat flexGrow { get; set; }

        public StyleFloat flexShrink { get; set; }

        public StyleEnum<Wrap> flexWrap { get; set; }

        public StyleLength marginBottom { get; set; }

        public StyleLength marginLeft { get; set; }

        public StyleLength marginRight { get; set; }

        public StyleLength marginTop { get; set; }

        public StyleLength paddingBottom { get; set; }

        public StyleLength paddingLeft { get; set; }

        public StyleLength paddingRight { get; set; }

        public StyleLength paddingTop { get; set; }

        public StyleEnum<FontStyle> unityFontStyleAndWeight { get; set; }

        public StyleEnum<WhiteSpace> whiteSpace { get; set; }

        public StyleLength width { get; set; }

        public StyleLength minWidth { get; set; }
    }
}
