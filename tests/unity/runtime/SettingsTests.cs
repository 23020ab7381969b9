using System;
using NUnit.Framework;
using UnityEngine;
using UnityEngine.Fakes;
using Vitrine;

/// <summary>The project's settings and what they become.</summary>
[TestFixture]
public sealed class SettingsTests : IDisposable
{
    private readonly FakeUnity _unity = new FakeUnity();

    public void Dispose()
    {
        _unity.Dispose();
    }

    [Test]
    public void WithoutAnAssetTheDefaultsHold()
    {
        VitrineSettings settings = VitrineSettings.Current;
        Assert.IsTrue(settings.StartSidecar && settings.UseSharedMemory, "started, and through shared memory");
        Assert.AreEqual(0.5f, settings.MainThreadBudgetMs);
        VitrineOptions options = settings.ToOptions();
        Assert.AreEqual(null, options.RunFolder);
        Assert.AreEqual(null, options.ProfileId);
        Assert.AreEqual(null, options.Device);
        Assert.AreEqual("Fake Shop", options.ClientName);
        Assert.AreEqual("en", options.Lang);
        Assert.IsTrue(options.Log == null, "steps are not logged");
        Assert.AreEqual(null, settings.ToProcessOptions().Executable);
        Assert.IsTrue(ReferenceEquals(settings, VitrineSettings.Current), "one");
    }

    [Test]
    public void TheAssetOfTheProjectCounts()
    {
        VitrineSettings asset = Asset();
        asset.StartSidecar = false;
        asset.UseSharedMemory = false;
        asset.RunFolder = "/somewhere";
        asset.Executable = "/some/python";
        asset.Arguments = new[] { "--port", "0" };
        asset.MainThreadBudgetMs = 90;
        Assert.IsTrue(ReferenceEquals(asset, VitrineSettings.Current), "found in Resources");
        Assert.AreEqual(5f, asset.MainThreadBudgetMs);
        Assert.IsFalse(asset.ToOptions().UseSharedMemory, "inline");
        Assert.AreEqual("/somewhere", asset.ToOptions().RunFolder);
        ProcessOptions process = asset.ToProcessOptions();
        Assert.AreEqual("/some/python", process.Executable);
        Assert.AreEqual("--port 0", string.Join(" ", process.Arguments));
        Assert.AreEqual("/somewhere", process.RunFolder);
    }

    [Test]
    public void ADestroyedAssetIsLookedForAnew()
    {
        VitrineSettings asset = Asset();
        Assert.IsTrue(ReferenceEquals(asset, VitrineSettings.Current), "this one");
        FakeAssets.Resources.Clear();
        UnityEngine.Object.DestroyImmediate(asset);
        Assert.IsTrue(VitrineSettings.Current.StartSidecar, "the defaults again");
    }

    [Test]
    public void WhoDidNotAgreeIsNotNamed()
    {
        VitrineSettings asset = Asset();
        asset.ProfileId = "somebody";
        Assert.AreEqual(null, asset.ToOptions().ProfileId);
        Assert.IsFalse(asset.ToOptions().ProfileConsent, "no consent");
        asset.ProfileConsent = true;
        Assert.AreEqual("somebody", asset.ToOptions().ProfileId);
        Assert.IsTrue(asset.ToOptions().ProfileConsent, "consent");
        asset.ProfileId = null;
        Assert.IsFalse(asset.ToOptions().ProfileConsent, "consent of nobody");
    }

    [Test]
    public void TheLanguageIsTheSystemsUnlessChosen()
    {
        VitrineSettings asset = Asset();
        FakeApplication.Language = SystemLanguage.ChineseSimplified;
        Assert.AreEqual("zh", asset.ToOptions().Lang);
        FakeApplication.Language = SystemLanguage.German;
        Assert.AreEqual("en", asset.ToOptions().Lang);
        asset.Language = VitrineLanguage.Chinese;
        Assert.AreEqual("zh", asset.ToOptions().Lang);
        FakeApplication.Language = SystemLanguage.Chinese;
        asset.Language = VitrineLanguage.English;
        Assert.AreEqual("en", asset.ToOptions().Lang);
    }

    [Test]
    public void TheHeadsetIsToldToTheServer()
    {
        FakeXr.Begin(90);
        VitrineOptions options = Asset().ToOptions();
        Assert.AreEqual("Fake headset", options.Device);
        Assert.AreEqual(90.0, options.RefreshHz);
    }

    [Test]
    public void StepsGoToTheConsoleWhenAskedFor()
    {
        VitrineSettings asset = Asset();
        asset.LogLevel = VitrineLogLevel.Everything;
        asset.ToOptions().Log("a step");
        Assert.AreEqual("Vitrine: a step", FakeLog.All[0].Text);
        Assert.AreEqual(LogType.Log, FakeLog.All[0].Type);
    }

    private static VitrineSettings Asset()
    {
        VitrineSettings asset = ScriptableObject.CreateInstance<VitrineSettings>();
        FakeAssets.Resources[VitrineSettings.ResourceName] = asset;
        return asset;
    }
}
