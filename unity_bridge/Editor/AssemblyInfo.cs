using System.Runtime.CompilerServices;

[assembly: InternalsVisibleTo("Vitrine.Editor.Tests")]
