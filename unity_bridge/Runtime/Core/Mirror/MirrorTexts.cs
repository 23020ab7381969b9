using System;

namespace Vitrine
{
    /// <summary>What a mirror says to the person in front of it: one table, a row a status.</summary>
    public static class MirrorTexts
    {
        private static readonly string[,] Rows =
        {
            // English, Chinese
            { "The mirror is off.", "试衣镜已关闭。" },
            { "The try-on is not running. Start Vitrine; the mirror goes on by itself.", "试穿服务未运行。请启动 Vitrine，镜子会自动恢复。" },
            { "The try-on is getting ready. This takes a moment.", "试穿正在准备，请稍候。" },
            { "Connecting to the try-on.", "正在连接试穿服务。" },
            { "The connection to the try-on was lost. It comes back by itself.", "与试穿服务的连接已断开，会自动恢复。" },
            { "The try-on cannot show this. Choose another product.", "暂时无法试穿此商品，请换一件。" },
            { "Waiting for the camera.", "正在等待摄像头。" },
            { "There is no camera. Plug one in.", "未找到摄像头，请连接一个。" },
            { "The camera may not be used. Allow it in the system's privacy settings.", "没有摄像头权限，请在系统隐私设置中允许使用。" },
            { "The camera gives no picture. Close other programs that use it.", "摄像头没有画面，请关闭正在使用它的其他程序。" },
            { "Take a picture first, before you put the headset on.", "请在戴上头显之前先拍一张照片。" },
            { "This graphics API cannot hand frames out. Use Direct3D, Vulkan or Metal.", "当前图形接口不支持回读，请使用 Direct3D、Vulkan 或 Metal。" },
            { "The first picture is on its way.", "马上就好。" },
            { "", "" },
            { "No one is in the picture. Step in front of the camera.", "画面中没有人，请站到摄像头前。" },
            { "Several people are in the picture. One at a time, please.", "画面中有多个人，请一次一位。" },
            { "The headset covers your face. Use the picture taken before you put it on.", "头显遮住了您的脸，请使用戴上之前拍摄的照片。" },
            { "You are too far away. Come closer.", "距离太远，请靠近一些。" },
            { "You are facing away. Turn to the camera.", "您背对着镜头，请转过身来。" },
            { "This product cannot be tried on. Choose another one.", "此商品无法试穿，请换一件。" },
            { "The product does not come in this size. Choose another size.", "此商品没有这个尺码，请换一个尺码。" },
            { "It is too dark. Turn on a light.", "光线太暗，请打开灯。" },
            { "The try-on cannot be shown just now.", "暂时无法显示试穿效果。" },
        };

        // In the order of the statuses from NoPerson on.
        private static readonly string[] Codes =
        {
            ReasonCodes.NoPerson, ReasonCodes.ManyPeople, ReasonCodes.FaceCovered, ReasonCodes.TooSmall,
            ReasonCodes.BackView, ReasonCodes.NoAssets, ReasonCodes.BadSize, ReasonCodes.LowLight
        };

        /// <summary>The sentence for a status; empty while everything works.</summary>
        /// <param name="status">The status.</param>
        /// <param name="chinese">Chinese, else English.</param>
        public static string Of(MirrorStatus status, bool chinese)
        {
            if (status < 0 || (int)status >= Rows.GetLength(0)) { throw new ArgumentOutOfRangeException(nameof(status)); }
            return Rows[(int)status, chinese ? 1 : 0];
        }

        /// <summary>The status of a reason's code.</summary>
        internal static MirrorStatus OfReason(string code)
        {
            int at = Array.IndexOf(Codes, code);
            return at < 0 ? MirrorStatus.OtherReason : MirrorStatus.NoPerson + at;
        }
    }
}
